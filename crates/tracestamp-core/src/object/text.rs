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

/// The instant in a field. A zero that was written out is none: runtimes report 1970 for a container that never started.
pub(super) fn instant(text: Option<&Text<'_>>) -> Option<Timestamp> {
    text.and_then(|text| parse_instant(text))
}

/// Like [`instant`], for a field kept raw because few decisions read it.
pub(super) fn raw_instant(raw: Option<&RawValue>) -> Option<Timestamp> {
    string(raw).and_then(|text| parse_instant(&text))
}

fn parse_instant(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).filter(|instant| instant.nanos() > 0)
}

/// The string in a raw value; `None` when it is no string.
pub(crate) fn string<'a>(raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    let written = raw?.get();
    quoted_only(written).map(Cow::Owned).or_else(|| serde_json::from_str::<Text<'a>>(written).ok().map(Text::into_cow))
}

/// A string whose escapes are all quotes, as in JSON within JSON. serde_json reads escapes into a buffer that grows with
/// them, which for Tekton's carrier are five allocations.
fn quoted_only(written: &str) -> Option<String> {
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    let (before, _) = inner.split_once('\\')?;
    let mut text = String::with_capacity(inner.len());
    text.push_str(before);
    for quote_and_rest in inner.split('\\').skip(1) {
        quote_and_rest.starts_with('"').then(|| text.push_str(quote_and_rest))?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_its_escapes_a_string_is_read_as_it_was_written(text in r#"[a"\\\nü]{0,12}"#) {
            let raw = serde_json::value::to_raw_value(&text).unwrap();
            prop_assert_eq!(string(Some(&raw)), Some(Cow::Borrowed(&*text)));
        }
    }

    #[test]
    fn what_is_no_string_is_none() {
        for json in ["1", "null", r#"{"a":"b\""}"#, r#"["\"","\""]"#] {
            assert_eq!(string(Some(serde_json::from_str(json).unwrap())), None, "{json}");
        }
    }
}
