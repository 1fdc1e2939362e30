//! What is to be written, as values: they become text where the patch is written, and nowhere before.

use std::borrow::Cow;
use std::fmt;

use crate::annotation::CONTAINER_SUFFIX;
use crate::context::{TRACEPARENT_LENGTH, Traceparent};
use crate::object::Map;

/// An annotation to set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Annotation<'a> {
    /// Its key.
    pub key: Key<'a>,
    /// Its value.
    pub value: Value<'a>,
}

/// The key of an annotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key<'a> {
    /// One of the keys of [`crate::annotation`].
    Known(&'static str),
    /// That of the own context of the container of this name.
    Container(Cow<'a, str>),
}

/// The value of an annotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// A traceparent.
    Context(Traceparent),
    /// Anything else.
    Text(Cow<'a, str>),
}

impl Annotation<'_> {
    /// Bytes of key and value, as Kubernetes counts them.
    pub fn size(&self) -> usize {
        let key = match &self.key {
            Key::Known(key) => key.len(),
            Key::Container(name) => name.len() + CONTAINER_SUFFIX.len(),
        };
        key + match &self.value {
            Value::Context(_) => TRACEPARENT_LENGTH,
            Value::Text(text) => text.len(),
        }
    }
}

impl Key<'_> {
    /// The value under the key.
    pub(crate) fn value_in<'m>(&self, annotations: &Map<'m>) -> Option<Cow<'m, str>> {
        match self {
            Key::Known(key) => annotations.get(key),
            Key::Container(name) => annotations.get_joined(name, CONTAINER_SUFFIX),
        }
    }
}

impl Value<'_> {
    /// No value, which means absent.
    pub(super) const NONE: Self = Value::Text(Cow::Borrowed(""));

    /// Whether that is how the value is written.
    pub(crate) fn is(&self, written: &str) -> bool {
        match self {
            Value::Context(context) => context.text() == written.as_bytes(),
            Value::Text(text) => text == written,
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Known(key) => f.write_str(key),
            Key::Container(name) => write!(f, "{name}{CONTAINER_SUFFIX}"),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Context(context) => context.fmt(f),
            Value::Text(text) => f.write_str(text),
        }
    }
}
