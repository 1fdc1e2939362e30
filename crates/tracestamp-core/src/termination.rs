//! The termination message that Tekton's entrypoint leaves in a step's container.
//!
//! A JSON array of `{"key", "value", "type"}` (`tektoncd/pipeline` `pkg/termination/{write,parse}.go`); entries of type
//! 3, in old releases the text `InternalTektonResult`, are the entrypoint's own. With `tknz:` in front it is base64 of
//! raw DEFLATE. All other entries are users' results and are never kept.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::object::Text;

/// The kubelet keeps 4096 bytes of a message; Tekton inflates no further than this either.
const INFLATED_LIMIT: usize = 256 * 1024;

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
        let Ok(entries) = serde_json::from_str::<Vec<Entry<'_>>>(&json) else { return Self::default() };
        let mut told = Self::default();
        for entry in entries.iter().filter(|entry| entry.is_internal()) {
            let Some(value) = entry.value.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok()) else {
                continue;
            };
            match &*entry.key {
                "StartedAt" => told.started = Timestamp::parse(&value),
                "ExitCode" => told.exit_code = value.parse().ok(),
                "Reason" => told.reason = REASONS.into_iter().find(|reason| *reason == &*value),
                _ => {}
            }
        }
        told
    }
}

const REASONS: [&str; 4] = ["Skipped", "Cancelled", "TimeoutExceeded", "Continued"];

fn inflate(message: &str) -> Option<Cow<'_, str>> {
    let Some(compressed) = message.strip_prefix("tknz:") else { return Some(Cow::Borrowed(message)) };
    let bytes = STANDARD.decode(compressed).ok()?;
    let inflated = miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes, INFLATED_LIMIT).ok()?;
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
    fn anything_else_tells_nothing() {
        for message in
            ["", "The container could not be located", "{}", "[1]", "tknz:%%", "tknz:AAAA", r#"[{"type":3}]"#]
        {
            assert_eq!(Termination::parse(message), Termination::default(), "{message}");
        }
    }
}
