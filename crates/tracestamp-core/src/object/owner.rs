//! Who an object belongs to.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::braced::no_text;
use super::{Braced, Text};

/// The fields of `metav1.OwnerReference` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of metav1.OwnerReference")]
pub struct OwnerReference<'a> {
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    #[serde(default, deserialize_with = "super::scalar::boolean")]
    controller: Option<bool>,
}

impl OwnerReference<'_> {
    /// The owner's API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// The first of an object's owners that controls it; no other is kept.
#[derive(Debug)]
pub(super) struct Controller<'a>(pub(super) Option<OwnerReference<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Controller<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Owners;

        impl<'de> Visitor<'de> for Owners {
            type Value = Controller<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of owners")
            }

            no_text!();

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut controller = None;
                while let Some(owner) = access.next_element::<Braced<OwnerReference<'de>>>()? {
                    let owner = owner.into_inner();
                    controller = controller.or_else(|| (owner.controller == Some(true)).then_some(owner));
                }
                Ok(Controller(controller))
            }
        }

        deserializer.deserialize_any(Owners)
    }
}
