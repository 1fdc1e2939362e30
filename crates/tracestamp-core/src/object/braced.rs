//! A JSON object that must be written as one.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Refuses a string in few words. serde's own error quotes it, escaped, which makes it up to six times as long.
macro_rules! no_text {
    () => {
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::invalid_type(serde::de::Unexpected::Other("a string"), &self))
        }
    };
}
pub(crate) use no_text;

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

            no_text!();

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(Members(PhantomData)).map(Self)
    }
}

/// Reads a field that holds an object or nothing.
pub fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Braced<T>>::deserialize(deserializer)?.map(Braced::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct One {
        a: u8,
    }

    #[test]
    fn an_array_is_no_object() {
        assert_eq!(serde_json::from_str::<Braced<One>>(r#"{"a":1}"#).unwrap().a, 1);
        assert!(serde_json::from_str::<One>("[1]").is_ok(), "what serde does by itself");
        assert!(serde_json::from_str::<Braced<One>>("[1]").is_err());
    }

    #[test]
    fn a_string_in_the_place_of_an_object_is_not_quoted() {
        let text = format!("\"{}\"", "\u{7f}".repeat(1000));
        assert!(serde_json::from_str::<One>(&text).unwrap_err().to_string().len() > 6000, "what serde does by itself");
        assert!(serde_json::from_str::<Braced<One>>(&text).unwrap_err().to_string().len() < 100);
    }
}
