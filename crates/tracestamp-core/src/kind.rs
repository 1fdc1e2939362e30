//! Kinds of objects, one room each.
//!
//! What judges every object (seal, identity, stamp, builder, decision) names no kind: it is given a [`Relation`] and a
//! [`Description`]. Only [`KINDS`] knows the rooms, and only [`find`] is asked for one.

mod pod;
mod table;
mod tekton;

use crate::change::Change;
use crate::object::{Object, Resource};
use crate::span::{SpanRecord, SpanType};
use crate::stamp::{Entropy, Stamp};
use crate::subject::Subject;
use crate::{Config, Timestamp};

#[doc(inline)]
pub use crate::builder::{Description, SpanBuilder};
#[doc(inline)]
pub use crate::subject::{Owner, Relation};
pub use pod::{PodPlace, Termination};
pub use table::{KINDS, find};

/// A kind of object that is traced.
///
/// To add one: implement this in a file of its own below `kind/`, add a line to [`KINDS`], a webhook entry to a component
/// below `manifests/`, a golden recording and a scenario (CONTRIBUTING.md, "Adding a kind of object"). Tests name whatever was
/// forgotten.
///
/// Implementations keep nothing between calls and read no clock: the same arguments give the same result, in whichever
/// replica.
pub trait ObjectKind: Sync {
    /// What the kind is to the API server.
    fn resource(&self) -> &'static Resource;

    /// Whether this object is traced at all. By default every object of the kind is.
    fn is_traced(&self, _subject: &Subject<'_>) -> bool {
        true
    }

    /// How the object finds its relatives' trace: by a shared uid or name, and by other tracers' carriers. Who controls it
    /// is known by then ([`Subject::owner`]).
    fn relation<'a>(&self, subject: &Subject<'a>) -> Relation<'a>;

    /// What every span of the object says about where it belongs.
    fn describe<'a>(&self, subject: &Subject<'a>) -> Description<'a>;

    /// What is written at the CREATE beside our own annotations. By default nothing.
    fn stamp<'a>(&self, _subject: &Subject<'a>, _stamp: &mut Stamp<'a>) {}

    /// Whether this update can end anything: a cheap look that spares most updates everything else.
    fn may_end(&self, old: &Object<'_>, new: &Object<'_>) -> bool;

    /// The spans that end with a change, each once in the life of the object: what `oldObject` does not show and `object`
    /// does.
    fn observe<'a>(&self, spans: &mut SpanBuilder<'_, 'a>, change: &Change<'a>);

    /// Every type of span that this kind records, in the order in which a tree shows them.
    fn span_types(&self) -> &'static [SpanType];
}

impl dyn ObjectKind {
    /// The object to judge. `None` when it has no metadata, or labels or annotations that are no strings.
    pub fn subject<'a>(&self, namespace: &'a str, object: &'a Object<'a>, config: &'a Config) -> Option<Subject<'a>> {
        let controller = object.metadata.as_ref()?.controller();
        let owner = controller.and_then(|owner| Some((owner, find(owner.group(), &owner.kind, config)?.resource())));
        let subject = Subject::new(self.resource(), owner, namespace, object, config)?;
        let relation = self.relation(&subject);
        Some(subject.related(relation))
    }

    /// What to write on the object at its CREATE. `None` if it has neither name nor generateName, or is a child whose trace
    /// cannot be derived.
    pub fn stamp_at_create<'a>(&self, subject: &Subject<'a>, entropy: Entropy) -> Option<Stamp<'a>> {
        let mut stamp = subject.stamp(entropy)?;
        self.stamp(subject, &mut stamp);
        Some(stamp)
    }

    /// Whether a change can end anything.
    pub fn may_end_by(&self, object: &Object<'_>, change: &Change<'_>) -> bool {
        match change {
            Change::Update(old) => self.may_end(old, object),
            Change::Delete(_) => true,
        }
    }

    /// The spans that end with this change; none when the trace is not recorded. `received` serves where the object shows
    /// no instant, and is marked.
    pub fn spans<'a>(&self, subject: &Subject<'a>, change: &Change<'a>, received: Timestamp) -> Vec<SpanRecord<'a>> {
        let Some(identity) = subject.identity().filter(|identity| identity.context.flags.sampled()) else {
            return Vec::new();
        };
        let mut spans = SpanBuilder::new(subject, identity, self.describe(subject), received);
        self.observe(&mut spans, change);
        spans.into_spans()
    }
}
