//! JSON Patch (RFC 6902) of `add` alone: a patch that does not apply costs the user a 500 even with failurePolicy
//! Ignore, so nothing is named that might not be there.
//!
//! Written by hand, because the crate json-patch makes a tree of owned values first: 86 allocations for a TaskRun, not 24.
//! The tests apply what is written here by that crate.

use std::fmt::{self, Display, Write as _};
use std::io;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use tracestamp_core::stamp::{Annotation, EnvSource, EnvStamp, Stamp, Texts};

/// Bytes of an entry of a patch, about.
const ENTRY: usize = 192;

/// The longest patch, in bytes: several times what Tekton's largest Pods need. A container of ten bytes gets hundreds,
/// and an answer waits in memory for a client that may be in no hurry.
pub(crate) const PATCH_LIMIT: usize = 128 << 10;

/// The patch would be longer than [`PATCH_LIMIT`].
#[derive(Debug)]
pub(crate) struct TooLong;

/// The patch that puts `stamp` on an object with or without annotations; `None` when nothing is to be changed.
pub(crate) fn patch(stamp: &Stamp<'_>, has_annotations: bool) -> Result<Option<Vec<u8>>, TooLong> {
    let entries = stamp.annotations.len() + 2 * stamp.environment.len();
    if entries == 0 {
        return Ok(None);
    }
    let mut patch = Bounded(Vec::with_capacity(PATCH_LIMIT.min(entries * ENTRY)));
    serde_json::to_writer(&mut patch, &Patch { stamp, has_annotations }).map_err(|_| TooLong)?;
    Ok(Some(patch.0))
}

/// Takes no more than [`PATCH_LIMIT`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PATCH_LIMIT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Patch<'p> {
    stamp: &'p Stamp<'p>,
    has_annotations: bool,
}

#[derive(Serialize)]
struct Add<P: Display, V> {
    op: &'static str,
    #[serde(serialize_with = "shown")]
    path: P,
    value: V,
}

impl Serialize for Patch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Stamp { annotations, environment, texts, .. } = self.stamp;
        let mut adds = serializer.serialize_seq(None)?;
        if self.has_annotations {
            for Annotation { key, value } in annotations {
                let path = format_args!("/metadata/annotations/{}", Escaped(key));
                adds.serialize_element(&Add { op: "add", path, value: Shown(value) })?;
            }
        } else if !annotations.is_empty() {
            let value = Annotations(annotations);
            adds.serialize_element(&Add { op: "add", path: "/metadata/annotations", value })?;
        }
        for container in environment {
            let EnvStamp { list, index, .. } = container;
            if container.has_env {
                for (place, (name, source)) in container.entries(texts).enumerate() {
                    let path = format_args!("/spec/{list}/{index}/env/{place}");
                    adds.serialize_element(&Add { op: "add", path, value: Variable { name, source } })?;
                }
            } else {
                let path = format_args!("/spec/{list}/{index}/env");
                adds.serialize_element(&Add { op: "add", path, value: Variables(container, texts) })?;
            }
        }
        adds.end()
    }
}

/// What is written as it is shown.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// What is shown, as one reference token of a JSON Pointer (RFC 6901, section 3).
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escape<'f, 'b>(&'f mut fmt::Formatter<'b>);

        impl fmt::Write for Escape<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.split_inclusive(['~', '/']).try_for_each(|part| {
                    let end = part.chars().next_back();
                    let escape = match end {
                        Some('~') => "~0",
                        Some('/') => "~1",
                        _ => return self.0.write_str(part),
                    };
                    self.0.write_str(part.trim_end_matches(['~', '/']))?;
                    self.0.write_str(escape)
                })
            }
        }

        write!(Escape(f), "{}", self.0)
    }
}

struct Annotations<'p>(&'p [Annotation<'p>]);

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|Annotation { key, value }| (Shown(key), Shown(value))))
    }
}

struct Variables<'p>(&'p EnvStamp<'p>, &'p Texts);

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.entries(self.1).map(|(name, source)| Variable { name, source }))
    }
}

struct Variable<'p> {
    name: &'static str,
    source: EnvSource<'p>,
}

impl Serialize for Variable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ValueFrom<P: Display> {
            field_ref: FieldRef<P>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct FieldRef<P: Display> {
            #[serde(serialize_with = "shown")]
            field_path: P,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.name)?;
        match &self.source {
            EnvSource::Text(text) => map.serialize_entry("value", text)?,
            EnvSource::Annotation(key) => {
                let field_path = format_args!("metadata.annotations['{key}']");
                map.serialize_entry("valueFrom", &ValueFrom { field_ref: FieldRef { field_path } })?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_escaped_as_one_token_of_a_pointer() {
        for (key, token) in [("a/b", "a~1b"), ("a~b", "a~0b"), ("~/~", "~0~1~0"), ("a//", "a~1~1"), ("plain", "plain")]
        {
            assert_eq!(Escaped(key).to_string(), token);
        }
    }
}
