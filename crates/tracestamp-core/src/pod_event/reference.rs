//! What an Event is about.

use serde::Deserialize;

use crate::dns;
use crate::object::{Braced, Object, Text};

/// The longest uid of an object that is believed: a UUID's, with room.
pub const UID_LIMIT: usize = 64;
/// The longest name of an object.
pub(crate) const NAME_LIMIT: usize = dns::SUBDOMAIN_LIMIT;

/// `core/v1` ObjectReference: `involvedObject`, and `regarding` in events.k8s.io/v1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) api_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) field_path: Option<Text<'a>>,
}

impl<'a> Reference<'a> {
    pub(super) fn of(object: &Object<'a>) -> Option<Self> {
        let raw = object.involved_object.or(object.regarding)?;
        serde_json::from_str::<Braced<Self>>(raw.get()).ok().map(Braced::into_inner)
    }

    pub(super) fn is_pod(&self) -> bool {
        self.kind.as_deref() == Some("Pod") && matches!(self.api_version.as_deref(), None | Some("" | "v1"))
    }

    /// The Pod's uid and name, when they can be such.
    pub(super) fn pod(&self) -> Option<(&str, &str)> {
        let uid = self.uid.as_deref().filter(|uid| (1..=UID_LIMIT).contains(&uid.len()))?;
        // It may become part of a path.
        let name = self.name.as_deref().filter(|name| dns::is_subdomain(name))?;
        Some((uid, name))
    }

    /// The container in `spec.containers{build}` or `spec.initContainers{prepare}`
    /// (`kubernetes/kubernetes` `pkg/kubelet/container/ref.go`).
    pub(super) fn container(&self) -> Option<&str> {
        let path = self.field_path.as_deref()?.strip_suffix('}')?;
        let (field, name) = path.split_once('{')?;
        matches!(field, "spec.containers" | "spec.initContainers")
            .then_some(name)
            .filter(|name| (1..=NAME_LIMIT).contains(&name.len()))
    }
}
