//! Which spans the difference between two states of an object gives.
//!
//! Nothing is remembered: a transition is what `oldObject` does not say and `object` does, and whatever a span needs
//! stands on the object at that moment. The same transition seen twice, by whichever replica, gives the same ids.

mod container;
mod outcome;
mod pod;
mod pod_place;
mod pod_view;
mod reason;
mod run;
mod run_name;
mod scribe;
mod sentence;
mod vcs;

pub use pod_place::PodPlace;

use crate::Timestamp;
use crate::object::{Kind, Object};
use crate::span::SpanRecord;
use crate::subject::Subject;

/// What was done to the object.
#[derive(Debug)]
pub enum Change<'a> {
    /// It was updated, main resource or a subresource; this is what it was.
    Update(&'a Object<'a>),
    /// Its deletion was asked for; the subject is what it was.
    Delete(Deletion),
}

/// Whether a change can end anything: a cheap look that spares most updates everything else.
pub fn may_end(kind: Kind, object: &Object<'_>, change: &Change<'_>) -> bool {
    let Change::Update(old) = change else { return true };
    match kind {
        Kind::Pod => pod::may_end(old, object),
        Kind::PipelineRun | Kind::TaskRun | Kind::CustomRun => run::may_end(old, object),
    }
}

/// How an object is to be deleted (`meta/v1` DeleteOptions).
#[derive(Clone, Copy, Debug, Default)]
pub struct Deletion {
    /// `gracePeriodSeconds`.
    pub grace: Option<i64>,
    /// The API server puts a finalizer on the object first: foreground deletion, or dependents that are to be orphaned.
    pub held: bool,
}

impl<'a> Subject<'a> {
    /// The spans that end with this change. `received` serves where the object tells no instant, and is marked.
    pub fn observe(&self, change: &Change<'a>, received: Timestamp) -> Vec<SpanRecord<'a>> {
        let Some(identity) = self.identity().filter(|identity| identity.context.flags.sampled()) else {
            return Vec::new();
        };
        let mut scribe = scribe::Scribe::new(self, identity, received);
        match self.kind {
            Kind::Pod => pod::observe(&mut scribe, change),
            Kind::PipelineRun | Kind::TaskRun | Kind::CustomRun => run::observe(&mut scribe, change),
        }
        scribe.into_spans()
    }
}
