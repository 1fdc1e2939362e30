//! A string of a review that borrows from its bytes unless it is written with escapes.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Timestamp;

/// A borrowed string. The newtype is needed: `#[serde(borrow)]` reaches into a bare `Cow` only, so that an
/// `Option<Cow<str>>` would allocate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    /// The string, as borrowed as it is.
    pub fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The instant a field tells, when it is there and readable.
pub(super) fn instant(text: Option<&Text<'_>>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::parse(text))
}

/// The string in a raw value; `None` when it is no string.
pub(crate) fn string<'a>(raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    raw.and_then(|raw| serde_json::from_str::<Text<'a>>(raw.get()).ok()).map(Text::into_cow)
}
