//! JSON Patch (RFC 6902) of `add` alone: a patch that does not apply costs the user a 500 even with failurePolicy
//! Ignore, so nothing is named that might not be there.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tracestamp_core::stamp::{EnvEntry, EnvSource, Stamp};

#[derive(Serialize)]
struct Add<'p> {
    op: &'static str,
    path: String,
    value: Value<'p>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'p> {
    Text(&'p str),
    Annotations(Annotations<'p>),
    Variable(Variable<'p>),
    Variables(Vec<Variable<'p>>),
}

/// The patch that puts `stamp` on an object with or without annotations; `None` when nothing is to be changed.
pub(crate) fn patch(stamp: &Stamp<'_>, has_annotations: bool) -> Option<Vec<u8>> {
    let mut adds = Vec::with_capacity(stamp.annotations.len() + stamp.environment.len());
    if has_annotations {
        adds.extend(stamp.annotations.iter().map(|(key, value)| Add {
            op: "add",
            path: format!("/metadata/annotations/{}", escaped(key)),
            value: Value::Text(value),
        }));
    } else if !stamp.annotations.is_empty() {
        let value = Value::Annotations(Annotations(&stamp.annotations));
        adds.push(Add { op: "add", path: "/metadata/annotations".to_owned(), value });
    }
    for container in &stamp.environment {
        let env = format!("/spec/{}/{}/env", container.list, container.index);
        let variables = container.entries.iter().map(Variable);
        if container.has_env {
            adds.extend(variables.enumerate().map(|(place, variable)| Add {
                op: "add",
                path: format!("{env}/{place}"),
                value: Value::Variable(variable),
            }));
        } else {
            adds.push(Add { op: "add", path: env, value: Value::Variables(variables.collect()) });
        }
    }
    if adds.is_empty() { None } else { serde_json::to_vec(&adds).ok() }
}

/// A key as one reference token of a JSON Pointer (RFC 6901, section 3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

struct Annotations<'p>(&'p [(Cow<'static, str>, String)]);

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

struct Variable<'p>(&'p EnvEntry);

impl Serialize for Variable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ValueFrom {
            field_ref: FieldRef,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct FieldRef {
            field_path: String,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.0.name)?;
        match &self.0.source {
            EnvSource::Text(text) => map.serialize_entry("value", text)?,
            EnvSource::Annotation(key) => {
                let field_path = format!("metadata.annotations['{key}']");
                map.serialize_entry("valueFrom", &ValueFrom { field_ref: FieldRef { field_path } })?;
            }
        }
        map.end()
    }
}
