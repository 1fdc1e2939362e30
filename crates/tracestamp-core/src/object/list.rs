//! A list of bounded length.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::Braced;
use super::braced::no_text;

/// The most entries that a list keeps. A kubelet starts no Pod with as many containers.
pub const LIST_LIMIT: usize = 256;

/// A list of objects that is cut while it is read: an entry takes up to a hundred times the memory of its bytes, and
/// anybody may write a million of `{}`. Entries past `LIMIT` are skipped, unread.
///
/// There is room for the `ROOM` entries that the list usually has; a `Vec` that serde reads has room for four and moves
/// when there are more.
#[derive(Debug)]
pub struct List<T, const ROOM: usize = 4, const LIMIT: usize = LIST_LIMIT> {
    entries: Vec<T>,
    left_out: usize,
}

impl<T, const ROOM: usize, const LIMIT: usize> List<T, ROOM, LIMIT> {
    /// Whether there are more entries than are kept.
    pub fn is_cut(&self) -> bool {
        self.left_out > 0
    }

    /// How many entries there are past those that are kept.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl<T, const ROOM: usize, const LIMIT: usize> Default for List<T, ROOM, LIMIT> {
    fn default() -> Self {
        Self { entries: Vec::new(), left_out: 0 }
    }
}

impl<T, const ROOM: usize, const LIMIT: usize> Deref for List<T, ROOM, LIMIT> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries
    }
}

impl<T, const ROOM: usize, const LIMIT: usize> IntoIterator for List<T, ROOM, LIMIT> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'l, T, const ROOM: usize, const LIMIT: usize> IntoIterator for &'l List<T, ROOM, LIMIT> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl<'de, T: Deserialize<'de>, const ROOM: usize, const LIMIT: usize> Deserialize<'de> for List<T, ROOM, LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const ROOM: usize, const LIMIT: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const ROOM: usize, const LIMIT: usize> Visitor<'de> for Entries<T, ROOM, LIMIT> {
            type Value = List<T, ROOM, LIMIT>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            no_text!();

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut list = List::default();
                while list.entries.len() < LIMIT {
                    let Some(entry) = access.next_element::<Braced<T>>()? else { return Ok(list) };
                    if list.entries.is_empty() {
                        list.entries.reserve_exact(ROOM);
                    }
                    list.entries.push(entry.into_inner());
                }
                while access.next_element::<IgnoredAny>()?.is_some() {
                    list.left_out += 1;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_any(Entries(PhantomData))
    }
}

/// Whether a list has any entry; none is kept.
#[derive(Debug)]
pub struct Entries {
    any: bool,
}

impl Entries {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.any
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            no_text!();

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut any = false;
                while access.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Entries { any })
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Number {
        n: usize,
    }

    fn read(entries: &[&str]) -> serde_json::Result<List<Number, 2, 3>> {
        serde_json::from_str(&format!("[{}]", entries.join(",")))
    }

    #[test]
    fn a_list_past_its_limit_is_cut_and_says_so() {
        let all = [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#];
        for (number, kept, left_out) in [(0, 0, 0), (1, 1, 0), (3, 3, 0), (4, 3, 1), (5, 3, 2)] {
            let list = read(&all[..number]).unwrap();
            assert_eq!((list.len(), list.left_out(), list.is_cut()), (kept, left_out, left_out > 0), "{number}");
            assert!(list.iter().enumerate().all(|(at, entry)| entry.n == at), "{list:?}");
        }
    }

    #[test]
    fn what_is_skipped_has_to_be_json_and_no_more() {
        assert!(read(&[r#"{"n":0}"#, "{}"]).is_err(), "an entry that is kept");
        assert!(read(&[r#"{"n":0}"#, r#"{"n":0}"#, r#"{"n":0}"#, "{}", "7"]).unwrap().is_cut());
        assert!(read(&[r#"{"n":0}"#, r#"{"n":0}"#, r#"{"n":0}"#, "{"]).is_err());
    }
}
