//! Labels and annotations, read when a decision needs them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Text;
use super::braced::no_text;
use super::text::string;

/// The most labels or annotations that are read: an entry takes several times the memory of its bytes, and none that is
/// passed over may be the one that counts.
const ENTRIES_LIMIT: usize = 4096;

/// A JSON object of strings; the values stay raw until they are asked for. Sorted by key, because any user may write
/// thousands of them.
#[derive(Debug, Default)]
pub struct Map<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Map<'a> {
    /// Reads labels or annotations; `None` when they are no JSON object of strings, or one of too many. Absent ones
    /// are empty.
    pub fn parse(raw: Option<&'a RawValue>) -> Option<Self> {
        raw.map_or_else(|| Some(Self::default()), |raw| serde_json::from_str(raw.get()).ok())
    }

    /// The value of `key`. As in Go, the last of equal keys counts.
    pub fn get(&self, key: &str) -> Option<Cow<'a, str>> {
        string(self.raw(key))
    }

    /// The value of `key`, when it is there and not empty.
    pub fn get_filled(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// The value of `key` if it is at most `limit` bytes as written, escapes included; `Err` when it is longer. What
    /// is longer is not even read.
    pub fn get_bounded(&self, key: &str, limit: usize) -> Result<Option<Cow<'a, str>>, TooLong> {
        match self.raw(key) {
            Some(raw) if raw.get().len() > limit + 2 => Err(TooLong),
            raw => Ok(string(raw).filter(|value| !value.is_empty())),
        }
    }

    /// The value of the key that consists of the two.
    pub fn get_joined(&self, start: &str, end: &str) -> Option<Cow<'a, str>> {
        string(self.raw_by(|found| found.bytes().cmp(start.bytes().chain(end.bytes()))))
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.raw_by(|found| found.cmp(key))
    }

    fn raw_by(&self, compare: impl Fn(&str) -> Ordering) -> Option<&'a RawValue> {
        let after = self.0.partition_point(|(found, _)| compare(found).is_le());
        let (found, raw) = self.0.get(after.checked_sub(1)?)?;
        compare(found).is_eq().then_some(*raw)
    }

    /// Whether keys and values are `limit` bytes or more in all, as Kubernetes counts them.
    pub fn reaches(&self, limit: usize) -> bool {
        // As written, escapes and quotes make it longer; only a map that might be too large is counted exactly.
        let written: usize = self.0.iter().map(|(key, value)| key.len() + value.get().len()).sum();
        let exact = || {
            self.0
                .iter()
                .map(|(key, value)| key.len() + string(Some(value)).map_or(0, |value| value.len()))
                .sum::<usize>()
        };
        written >= limit && exact() >= limit
    }
}

/// A value longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl<'de: 'a, 'a> Deserialize<'de> for Map<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Map<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            no_text!();

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((key, value)) = access.next_entry::<Text<'de>, &'de RawValue>()? {
                    if !value.get().starts_with('"') {
                        return Err(serde::de::Error::custom("a value that is no string"));
                    }
                    if entries.len() == ENTRIES_LIMIT {
                        return Err(serde::de::Error::custom("too many entries"));
                    }
                    entries.push((key, value));
                }
                // Stable: of equal keys the last stays last.
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                Ok(Map(entries))
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_escapes_are_read() {
        let map = Map::parse(Some(raw(r#"{"a":"1","b\/c":"x\"y","a":"2"}"#))).unwrap();
        assert_eq!(map.get("a").as_deref(), Some("2"));
        assert_eq!(map.get("b/c").as_deref(), Some("x\"y"));
        assert_eq!(map.get("c"), None);
    }

    #[test]
    fn what_is_no_object_of_strings_is_refused() {
        for bad in [r#"{"a":1}"#, r#"{"a":null}"#, "[]", "\"a\"", "7"] {
            assert!(Map::parse(Some(raw(bad))).is_none(), "{bad}");
        }
        assert!(!Map::parse(None).unwrap().reaches(1));
    }

    #[test]
    fn past_their_limit_entries_are_refused_for_any_of_them_may_count() {
        let entries = |number: usize| format!("{{{}}}", vec![r#""a":"""#; number].join(","));
        assert!(Map::parse(Some(raw(&entries(ENTRIES_LIMIT)))).is_some());
        assert!(Map::parse(Some(raw(&entries(ENTRIES_LIMIT + 1)))).is_none());
    }

    #[test]
    fn the_size_is_counted_without_quotes_and_escapes() {
        let map = Map::parse(Some(raw(r#"{"ab":"\"\""}"#))).unwrap();
        assert!(map.reaches(4));
        assert!(!map.reaches(5));
    }

    #[test]
    fn a_value_over_its_limit_is_told_from_none() {
        let map = Map::parse(Some(raw(r#"{"a":"12345","b":""}"#))).unwrap();
        assert_eq!(map.get_bounded("a", 4), Err(TooLong));
        assert_eq!(map.get_bounded("a", 5).unwrap().as_deref(), Some("12345"));
        assert_eq!(map.get_bounded("b", 5), Ok(None));
    }
}
