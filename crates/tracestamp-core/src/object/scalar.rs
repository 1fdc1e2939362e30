//! Numbers and truth values. Read as they are by serde, an error would quote a string in their place, however long.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::braced::no_text;

/// A field that holds an integer or nothing.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(Scalar(PhantomData::<i64>))
}

/// A field that holds a truth value or nothing.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(Scalar(PhantomData::<bool>))
}

struct Scalar<T>(PhantomData<T>);

impl Visitor<'_> for Scalar<i64> {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    no_text!();

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number).map(Some).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

impl Visitor<'_> for Scalar<bool> {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    no_text!();

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Both {
        #[serde(default, deserialize_with = "super::integer")]
        n: Option<i64>,
        #[serde(default, deserialize_with = "super::boolean")]
        b: Option<bool>,
    }

    #[test]
    fn a_scalar_is_read_and_anything_else_refused_without_a_quotation() {
        let read = |json: &str| serde_json::from_str::<Both>(json);
        assert_eq!(read("{}").unwrap(), Both::default());
        assert_eq!(read(r#"{"n":null,"b":null}"#).unwrap(), Both::default());
        assert_eq!(read(r#"{"n":-7,"b":true}"#).unwrap(), Both { n: Some(-7), b: Some(true) });
        let text = "\u{7f}".repeat(1000);
        for bad in ["1.5", "[]", "{}", "99999999999999999999", &format!("\"{text}\"")] {
            for key in ["n", "b"] {
                assert!(read(&format!("{{\"{key}\":{bad}}}")).unwrap_err().to_string().len() < 120, "{key}: {bad}");
            }
        }
    }
}
