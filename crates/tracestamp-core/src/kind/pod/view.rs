//! What the spans of a Pod and of its containers have in common.

use super::reason::pod_cause;
use crate::Timestamp;
use crate::builder::SpanBuilder;
use crate::object::{Condition, Object, PodSpec};
use crate::subject::Subject;

/// `core/v1` DisruptionTarget (KEP-3329): the cluster takes the Pod away.
const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// What container spans of one Pod have in common.
pub(super) struct PodView<'a> {
    pub(super) spec: PodSpec<'a>,
    pub(super) attempt: i64,
    pub(super) created: Timestamp,
    /// When the Pod's deletion was asked for.
    pub(super) deletion_asked: Option<Timestamp>,
    /// Why the Pod was ended, when that was neither its containers' doing nor a deletion.
    pub(super) taken_away: Option<TakenAway>,
}

/// The Pod was evicted, preempted, lost with its node, or ran into its own deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakenAway {
    /// A value of `tracestamp.result`.
    pub(super) result: &'static str,
    /// `error.type`.
    pub(super) error: &'static str,
    /// Since when, where the condition shows it: what ended before did so by itself.
    since: Option<Timestamp>,
}

impl<'a> PodView<'a> {
    /// `None` when the Pod has no creationTimestamp or no readable spec.
    pub(super) fn new(subject: &Subject<'a>, attempt: i64) -> Option<Self> {
        Some(Self {
            spec: PodSpec::parse(subject.object.spec)?,
            attempt,
            created: subject.metadata.created()?,
            deletion_asked: subject.metadata.deletion_asked(),
            taken_away: TakenAway::from_object(subject.object),
        })
    }

    /// Why a container that ended at `finished` was ended with its Pod, if it was.
    pub(super) fn taken_away_by(&self, finished: Option<Timestamp>) -> Option<TakenAway> {
        self.taken_away.filter(|cause| finished.zip(cause.since).is_none_or(|(finished, since)| finished >= since))
    }

    /// Whether the Pod's deletion was asked for before `finished`, or at any time when that is unknown.
    pub(super) fn deletion_asked_by(&self, finished: Option<Timestamp>) -> bool {
        self.deletion_asked.is_some_and(|asked| finished.is_none_or(|finished| asked <= finished))
    }

    /// The containers of the steps, in the order in which they run; statuses are sorted by name.
    pub(super) fn steps(&self) -> impl Iterator<Item = &str> {
        let containers = self.spec.containers.iter().flatten().map(|container| &*container.name);
        containers.filter(|container| is_step(container))
    }
}

impl TakenAway {
    /// `status.reason` says what the kubelet did; the condition DisruptionTarget says it of everybody, and when.
    fn from_object(pod: &Object<'_>) -> Option<Self> {
        let status = pod.status.as_ref()?;
        let condition = status.condition(DISRUPTION_TARGET).filter(|condition| &*condition.status == "True");
        let reasons = [status.reason.as_deref(), condition.map(Condition::reason)];
        let known = reasons.into_iter().flatten().find_map(pod_cause);
        let (result, error) = known.or_else(|| condition.map(|_| ("error", DISRUPTION_TARGET)))?;
        Some(Self { result, error, since: condition.and_then(Condition::changed) })
    }
}

/// Tekton names the containers of steps so (`tektoncd/pipeline` `pkg/pod/pod.go`).
pub(super) fn is_step(container: &str) -> bool {
    container.starts_with("step-")
}

/// An instant at which something ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    /// It is the second in which the review was received.
    pub(super) received: bool,
}

impl End {
    /// The end where no object shows one: when the Pod's deletion was asked for, else now.
    pub(super) fn unknown(builder: &SpanBuilder<'_, '_>, pod: &PodView<'_>) -> Self {
        pod.deletion_asked.map_or(Self { at: builder.received, received: true }, |at| Self { at, received: false })
    }

    /// The later of this and an instant that an object shows.
    pub(super) fn or_later(self, known: Option<Timestamp>) -> Self {
        known.filter(|&known| known >= self.at).map_or(self, |at| Self { at, received: false })
    }
}
