//! The environment of a container.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::object::braced::no_text;
use crate::object::{Braced, Text};

#[derive(Deserialize)]
struct Variable<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

/// Which of `names` a list of variables defines. The list itself is not kept: it may be long.
pub(super) fn defined<const N: usize>(env: &RawValue, names: &[&str; N]) -> serde_json::Result<[bool; N]> {
    serde_json::Deserializer::from_str(env.get()).deserialize_any(Defined(names))
}

struct Defined<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Defined<'_, N> {
    type Value = [bool; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of variables")
    }

    no_text!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut defined = [false; N];
        while let Some(variable) = access.next_element::<Braced<Variable<'de>>>()? {
            let of_names = defined.iter_mut().zip(self.0);
            of_names.for_each(|(defined, name)| *defined |= variable.name.eq_ignore_ascii_case(name));
        }
        Ok(defined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_whatever_the_case_and_wherever_it_stands() {
        let read = |json: &str| defined(serde_json::from_str(json).unwrap(), &["A", "B"]).ok();
        assert_eq!(read("[]"), Some([false, false]));
        assert_eq!(read(r#"[{"name":"C"},{"value":"A"},{"name":"b"}]"#), Some([false, true]));
        let many = format!(r#"[{}{{"name":"A"}}]"#, "{},".repeat(100_000));
        assert_eq!(read(&many), Some([true, false]));
        for bad in ["7", "{}", "\"A\"", "[\"A\"]", "[[]]", r#"[{"name":1}]"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
