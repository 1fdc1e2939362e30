//! Borrowed partial views of the objects in a review.
//!
//! One view of metadata and status fits every kind, so that a review is read in a single
//! pass; what only a transition needs (labels, annotations, spec, messages) stays raw JSON until it is asked for.
//! Unknown fields are skipped without being stored, and nothing is ever written back from a view.

pub mod braced;
mod container;
mod list;
mod map;
mod owner;
mod resource;
pub mod scalar;
mod spec;
mod status;
pub(crate) mod text;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use braced::Braced;
pub use container::{ContainerState, ContainerStatus, Running, Terminated};
pub use list::{Entries, LIST_LIMIT, List};
pub use map::Map;
pub use owner::OwnerReference;
pub use resource::Resource;
pub use spec::{Container, PodSpec, Reference, RunSpec};
pub use status::{Attempt, Attempts, Condition, SkippedTask, Status, StepState};
pub use text::Text;

use crate::Timestamp;
use owner::Controller;

/// An object of any of the traced kinds, or an Event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the undocumented fields are those of Events, unread")]
pub struct Object<'a> {
    /// Its metadata.
    #[serde(borrow)]
    pub metadata: Option<Braced<Metadata<'a>>>,
    /// Its spec, unread.
    #[serde(borrow)]
    pub spec: Option<&'a RawValue>,
    /// Its status.
    #[serde(borrow, default, deserialize_with = "braced::optional")]
    pub status: Option<Status<'a>>,
    /// What an Event of core/v1 is about.
    #[serde(borrow)]
    pub involved_object: Option<&'a RawValue>,
    /// What an Event of events.k8s.io/v1 is about.
    #[serde(borrow)]
    pub regarding: Option<&'a RawValue>,
    #[serde(borrow)]
    pub reason: Option<&'a RawValue>,
    /// The text of an Event of core/v1.
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    /// The text of an Event of events.k8s.io/v1.
    #[serde(borrow)]
    pub note: Option<&'a RawValue>,
    #[serde(borrow)]
    pub first_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub count: Option<&'a RawValue>,
    #[serde(borrow)]
    pub deprecated_count: Option<&'a RawValue>,
    #[serde(borrow)]
    pub series: Option<&'a RawValue>,
}

/// The fields of `metav1.ObjectMeta` that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of metav1.ObjectMeta")]
pub struct Metadata<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub generate_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    #[serde(borrow)]
    pub uid: Option<Text<'a>>,
    #[serde(borrow)]
    pub creation_timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    pub deletion_timestamp: Option<Text<'a>>,
    #[serde(default, deserialize_with = "scalar::integer")]
    pub deletion_grace_period_seconds: Option<i64>,
    pub finalizers: Option<Entries>,
    #[serde(borrow)]
    pub labels: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    owner_references: Option<Controller<'a>>,
}

impl<'a> Metadata<'a> {
    /// The owner that controls the object.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.as_ref()?.0.as_ref()
    }

    /// Whether a finalizer holds the object.
    pub fn held(&self) -> bool {
        self.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
    }

    /// When the object was created, to the second; absent in the mutating call of a CREATE.
    pub fn created(&self) -> Option<Timestamp> {
        text::instant(self.creation_timestamp.as_ref())
    }

    /// When its deletion was asked for, to the second: `deletionTimestamp` is that instant plus the grace period.
    pub fn deletion_asked(&self) -> Option<Timestamp> {
        let at = text::instant(self.deletion_timestamp.as_ref())?;
        Some(at.minus_seconds(self.deletion_grace_period_seconds.unwrap_or(0)))
    }
}
