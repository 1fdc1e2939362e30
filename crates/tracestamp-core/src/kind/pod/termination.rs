//! The termination message that Tekton's entrypoint leaves in a step's container.
//!
//! A JSON array of `{"key", "value", "type"}` (`tektoncd/pipeline` `pkg/termination/{write,parse}.go`); entries of type
//! 3, in old releases the text `InternalTektonResult`, are the entrypoint's own. With `tknz:` in front it is base64 of
//! raw DEFLATE. All other entries are users' results and are never kept.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::object::braced::no_text;
use crate::object::text::string;
use crate::object::{Braced, Text};

/// Tekton inflates no further than this.
const INFLATED_LIMIT: usize = 256 * 1024;
/// How much longer a message may become: the longest that the kubelet keeps, 4096 bytes, may reach the limit above, and
/// many short ones cost no more in all.
const INFLATION: usize = 64;

/// What the entrypoint tells about its step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Termination {
    /// When the step's turn came, in milliseconds: after the wait for the step before it.
    pub started: Option<Timestamp>,
    /// The true exit code of a step with `onError: continue`, which the container hides.
    pub exit_code: Option<i64>,
    /// `Skipped`, `Cancelled`, `TimeoutExceeded` or `Continued`; any other text is not kept.
    pub reason: Option<&'static str>,
}

impl Termination {
    /// Reads a message; one that is not the entrypoint's tells nothing.
    pub fn parse(message: &str) -> Self {
        let Some(json) = inflate(message) else { return Self::default() };
        serde_json::from_str(&json).unwrap_or_default()
    }

    fn read(&mut self, entry: &Entry<'_>) {
        let Some(value) = string(entry.value).filter(|_| entry.is_internal()) else { return };
        match &*entry.key {
            "StartedAt" => self.started = Timestamp::parse(&value),
            "ExitCode" => self.exit_code = value.parse().ok(),
            "Reason" => self.reason = REASONS.into_iter().find(|reason| *reason == &*value),
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for Termination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Termination;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }

            no_text!();

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut told = Termination::default();
                while let Some(entry) = access.next_element::<Braced<Entry<'de>>>()? {
                    told.read(&entry);
                }
                Ok(told)
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

const REASONS: [&str; 4] = ["Skipped", "Cancelled", "TimeoutExceeded", "Continued"];

fn inflate(message: &str) -> Option<Cow<'_, str>> {
    let Some(compressed) = message.strip_prefix("tknz:") else { return Some(Cow::Borrowed(message)) };
    let bytes = STANDARD.decode(compressed).ok()?;
    let limit = INFLATED_LIMIT.min(INFLATION * message.len());
    let inflated = miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes, limit).ok()?;
    String::from_utf8(inflated).ok().map(Cow::Owned)
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

impl Entry<'_> {
    fn is_internal(&self) -> bool {
        matches!(self.kind.map(RawValue::get), Some("3" | "\"InternalTektonResult\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entrypoints_own_entries_are_read_and_results_are_not() {
        let told = Termination::parse(
            r#"[{"key":"token","value":"s3cret","type":1},{"key":"StartedAt","value":"2023-02-06T19:39:44.556Z","type":3},
                {"key":"ExitCode","value":"7","type":"InternalTektonResult"},{"key":"Reason","value":"Skipped","type":3}]"#,
        );
        assert_eq!(told.started, Timestamp::parse("2023-02-06T19:39:44.556Z"));
        assert_eq!(told.exit_code, Some(7));
        assert_eq!(told.reason, Some("Skipped"));
        assert!(!format!("{told:?}").contains("s3cret"));
    }

    #[test]
    fn a_users_result_cannot_pose_as_the_entrypoints() {
        let told = Termination::parse(r#"[{"key":"StartedAt","value":"2023-02-06T19:39:44.556Z","type":1}]"#);
        assert_eq!(told, Termination::default());
    }

    #[test]
    fn a_compressed_message_is_inflated() {
        let json = br#"[{"key":"ExitCode","value":"11","type":3}]"#;
        let message = format!("tknz:{}", STANDARD.encode(miniz_oxide::deflate::compress_to_vec(json, 6)));
        assert_eq!(Termination::parse(&message).exit_code, Some(11));
    }

    #[test]
    fn a_compressed_bomb_is_not_inflated() {
        let bomb = miniz_oxide::deflate::compress_to_vec(&vec![b' '; 64 * 1024 * 1024], 9);
        assert_eq!(Termination::parse(&format!("tknz:{}", STANDARD.encode(bomb))), Termination::default());
    }

    #[test]
    fn how_far_a_message_is_inflated_depends_on_its_own_length() {
        let message = |spaces: usize| {
            let json = format!(r#"{}[{{"key":"ExitCode","value":"11","type":3}}]"#, " ".repeat(spaces));
            format!("tknz:{}", STANDARD.encode(miniz_oxide::deflate::compress_to_vec(json.as_bytes(), 9)))
        };
        assert_eq!(Termination::parse(&message(2 << 10)).exit_code, Some(11));
        assert_eq!(Termination::parse(&message(200 << 10)), Termination::default(), "some hundred bytes");
    }

    #[test]
    fn anything_else_tells_nothing() {
        for message in
            ["", "The container could not be located", "{}", "[1]", "tknz:%%", "tknz:AAAA", r#"[{"type":3}]"#]
        {
            assert_eq!(Termination::parse(message), Termination::default(), "{message}");
        }
    }
}
