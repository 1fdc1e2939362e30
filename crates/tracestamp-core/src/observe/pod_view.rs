//! What the spans of a Pod and of its containers have in common.

use super::scribe::Scribe;
use crate::Timestamp;
use crate::object::PodSpec;

/// What container spans of one Pod have in common.
pub(super) struct PodView<'a> {
    pub(super) spec: PodSpec<'a>,
    pub(super) attempt: i64,
    pub(super) created: Timestamp,
    /// When the Pod's deletion was asked for.
    pub(super) killed: Option<Timestamp>,
}

/// An instant at which something ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    /// It is the second in which the review was received.
    pub(super) received: bool,
}

/// The end where the containers tell none: when the deletion was asked for, else now.
pub(super) fn killed(scribe: &Scribe<'_, '_>, pod: &PodView<'_>) -> End {
    pod.killed.map_or(End { at: scribe.received, received: true }, |at| End { at, received: false })
}
