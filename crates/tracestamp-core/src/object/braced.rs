//! A JSON object that must be written as one.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A `T` read from a JSON object only. Derived structs are read from arrays as well, and a patch that names a member of
/// what is an array does not apply.
#[derive(Debug, Default)]
pub struct Braced<T>(T);

impl<T> Deref for Braced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Braced<T> {
    /// The object read.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Braced<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_no_object() {
        #[derive(Debug, serde::Deserialize)]
        struct One {
            a: u8,
        }
        assert_eq!(serde_json::from_str::<Braced<One>>(r#"{"a":1}"#).unwrap().a, 1);
        assert!(serde_json::from_str::<One>("[1]").is_ok(), "what serde does by itself");
        assert!(serde_json::from_str::<Braced<One>>("[1]").is_err());
    }
}
