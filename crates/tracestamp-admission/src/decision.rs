//! What is to be done about a review.

use tracestamp_core::change::Change;
use tracestamp_core::context::TraceId;
use tracestamp_core::kind::{self, ObjectKind, PodPlace};
use tracestamp_core::object::{Object, Status};
use tracestamp_core::pod_event::{self, PodEvent, Reading, Topic, UID_LIMIT};
use tracestamp_core::span::SpanRecord;
use tracestamp_core::stamp::{Annotation, Entropy};
use tracestamp_core::{Config, Note, Subject, Timestamp};

use crate::answer::answer;
use crate::patch::patch;
use crate::review::{Options, Review};

/// Annotations may be 256 KiB in all (`k8s.io/apimachinery` `TotalAnnotationSizeLimitB`); what others add needs room.
const ANNOTATIONS_LIMIT: usize = 240 * 1024;
/// etcd takes 1.5 MiB, and the object grows while it lives.
const OBJECT_LIMIT: usize = 1024 * 1024;

/// Which of the two registrations sent the review.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// `/stamp`, the MutatingWebhookConfiguration: may patch, records nothing. A mutating call has no uid, may be
    /// repeated and may never persist.
    Stamp,
    /// `/observe`, the ValidatingWebhookConfiguration: never patches, may record.
    Observe,
}

/// What was done about a review, or why nothing was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The object gets its context.
    Stamped,
    /// Spans are to be recorded.
    Recorded,
    /// An Event tells of a Pod, whose place in its trace has to be known.
    PodEvent,
    /// An Event tells what its first occurrence told.
    Repeated,
    /// An Event tells that an image did not have to be pulled.
    ImagePresent,
    /// Nothing is missing and nothing ended.
    Unchanged,
    /// The kind, the operation or the subresource is none that is traced.
    NotTraced,
    /// The namespace or the object is to be left alone.
    Excluded,
    /// A dry run: nothing is recorded.
    DryRun,
    /// With our annotations the object could become too large.
    TooLarge,
    /// The object cannot be read.
    Unreadable,
}

impl Outcome {
    /// The metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stamped => "stamped",
            Self::Recorded => "recorded",
            Self::PodEvent => "pod_event",
            Self::Repeated => "repeated",
            Self::ImagePresent => "image_present",
            Self::Unchanged => "unchanged",
            Self::NotTraced => "not_traced",
            Self::Excluded => "excluded",
            Self::DryRun => "dry_run",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What is to be done about one review. The answer always allows.
#[derive(Debug)]
pub struct Decision<'a> {
    /// `request.uid`, to be echoed.
    pub uid: &'a str,
    /// The object's kind as a metric label, `Event`, or `other` for a kind that is not known.
    pub kind: &'static str,
    /// `CREATE`, `UPDATE`, `DELETE` or `other`.
    pub operation: &'static str,
    /// The object's namespace, for logs.
    pub namespace: &'a str,
    /// The object's name, or the generateName that it is still to get one from, for logs.
    pub name: std::borrow::Cow<'a, str>,
    /// The object's trace, when one was found or made.
    pub trace_id: Option<TraceId>,
    pub outcome: Outcome,
    /// Things met on the way that an operator may want counted.
    pub notes: Vec<Note>,
    /// JSON Patch, serialised.
    pub patch: Option<Vec<u8>>,
    /// Spans to record.
    pub spans: Vec<SpanRecord<'a>>,
    /// What gives a span once the place of its Pod is known.
    pub pod_event: Option<Box<PodEvent>>,
}

impl Review<'_> {
    /// Decides. The same arguments give the same decision.
    pub fn decide<'r>(
        &'r self,
        endpoint: Endpoint,
        config: &'r Config,
        received: Timestamp,
        entropy: Entropy,
    ) -> Decision<'r> {
        let request = &self.request;
        let kind = kind::find(&request.kind.group, &request.kind.kind, config);
        let mut decision = Decision {
            uid: &request.uid,
            kind: kind.map_or("other", |kind| kind.resource().kind),
            operation: match &*request.operation {
                "CREATE" => "CREATE",
                "UPDATE" => "UPDATE",
                "DELETE" => "DELETE",
                _ => "other",
            },
            namespace: request.namespace(),
            name: request.name(),
            trace_id: None,
            outcome: Outcome::NotTraced,
            notes: Vec::new(),
            patch: None,
            spans: Vec::new(),
            pod_event: None,
        };
        let Some(kind) = kind else {
            if self.is_event() {
                decision.kind = "Event";
                self.observe_event(&mut decision, endpoint, config);
            }
            return decision;
        };
        let Some(object) = request.subject().filter(|_| self.readable) else {
            decision.outcome = Outcome::Unreadable;
            return decision;
        };
        match (endpoint, decision.operation) {
            (Endpoint::Stamp, "CREATE") if !request.is_subresource() => {
                self.stamp(&mut decision, kind, object, config, entropy);
            }
            (Endpoint::Observe, "UPDATE" | "DELETE") => self.observe(&mut decision, kind, object, config, received),
            _ => {}
        }
        decision
    }

    fn stamp<'r>(
        &'r self,
        decision: &mut Decision<'r>,
        kind: &'static dyn ObjectKind,
        object: &'r Object<'r>,
        config: &'r Config,
        entropy: Entropy,
    ) {
        if self.length > OBJECT_LIMIT {
            decision.outcome = Outcome::TooLarge;
            return;
        }
        decide_about(decision, kind, object, config, |subject, decision| {
            if subject.annotations.reaches(ANNOTATIONS_LIMIT) {
                return Outcome::TooLarge;
            }
            let Some(stamp) = kind.stamp_at_create(subject, entropy) else { return Outcome::Unreadable };
            let Ok(patch) = patch(&stamp, subject.metadata.annotations.is_some()) else { return Outcome::TooLarge };
            let added: usize = stamp.annotations.iter().map(Annotation::size).sum();
            let patched = self.length + patch.as_ref().map_or(0, Vec::len);
            if subject.annotations.reaches(ANNOTATIONS_LIMIT.saturating_sub(added)) || patched > OBJECT_LIMIT {
                return Outcome::TooLarge;
            }
            decision.trace_id = Some(stamp.identity.context.trace_id);
            decision.patch = patch;
            if decision.patch.is_some() { Outcome::Stamped } else { Outcome::Unchanged }
        });
    }

    /// Events carry no context and end nothing: what they tell is handed on.
    fn observe_event(&self, decision: &mut Decision<'_>, endpoint: Endpoint, config: &Config) {
        let request = &self.request;
        let observed = endpoint == Endpoint::Observe && matches!(decision.operation, "CREATE" | "UPDATE");
        if !config.pod_events || !observed {
            return;
        }
        let Some(event) = request.subject() else {
            decision.outcome = Outcome::Unreadable;
            return;
        };
        decision.outcome = match Topic::of(event) {
            None => Outcome::NotTraced,
            _ if request.dry_run == Some(true) => Outcome::DryRun,
            _ if config.excluded_namespaces.contains(decision.namespace) => Outcome::Excluded,
            // Repeats are written into the first of them, under its name.
            _ if decision.operation == "UPDATE" || pod_event::repeats(event) => Outcome::Repeated,
            Some(topic) => match pod_event::read(topic, event, decision.namespace) {
                Reading::Tells(event) => {
                    decision.pod_event = Some(event);
                    Outcome::PodEvent
                }
                Reading::ImagePresent => Outcome::ImagePresent,
                Reading::SameFailure => Outcome::Unchanged,
                Reading::Other => Outcome::NotTraced,
                Reading::Unreadable => Outcome::Unreadable,
            },
        };
    }

    /// The uid of the Pod that an observed review is about, when it can be one.
    pub fn pod_uid(&self) -> Option<&str> {
        let request = &self.request;
        let pod = request.kind.group.is_empty() && &*request.kind.kind == "Pod";
        let uid = request.subject()?.metadata.as_ref()?.uid.as_deref()?;
        (pod && request.dry_run != Some(true) && (1..=UID_LIMIT).contains(&uid.len())).then_some(uid)
    }

    /// What Events about the Pod of an observed review have to be told; `None` when it is not to be traced.
    pub fn pod_place(&self, config: &Config) -> Option<PodPlace> {
        self.pod_uid()?;
        PodPlace::of(self.request.subject()?, self.request.namespace(), config)
    }

    fn observe<'r>(
        &'r self,
        decision: &mut Decision<'r>,
        kind: &'static dyn ObjectKind,
        object: &'r Object<'r>,
        config: &'r Config,
        received: Timestamp,
    ) {
        let request = &self.request;
        let change = match (decision.operation, &request.old_object) {
            ("DELETE", _) => Change::Delete(request.options.as_ref().map(Options::deletion).unwrap_or_default()),
            (_, Some(old)) => Change::Update(old),
            (_, None) => {
                decision.outcome = Outcome::Unreadable;
                return;
            }
        };
        if request.dry_run == Some(true) {
            decision.outcome = Outcome::DryRun;
        } else if !kind.may_end_by(object, &change) {
            decision.outcome = Outcome::Unchanged;
        } else if is_cut(object) || matches!(change, Change::Update(old) if is_cut(old)) {
            decision.outcome = Outcome::Unreadable;
            decision.notes.push(Note::ListsCut);
        } else {
            decide_about(decision, kind, object, config, |subject, decision| {
                decision.spans = kind.spans(subject, &change, received);
                decision.trace_id = decision.spans.first().map(|span| span.context.trace_id);
                if decision.spans.is_empty() { Outcome::Unchanged } else { Outcome::Recorded }
            });
        }
    }
}

/// Whether a status says more than is read of it. What ended then is not known.
fn is_cut(object: &Object<'_>) -> bool {
    object.status.as_ref().is_some_and(Status::is_cut)
}

/// Decides about an object that can be read and is to be traced, and notes what was met.
fn decide_about<'r>(
    decision: &mut Decision<'r>,
    kind: &'static dyn ObjectKind,
    object: &'r Object<'r>,
    config: &'r Config,
    decide: impl FnOnce(&Subject<'r>, &mut Decision<'r>) -> Outcome,
) {
    let Some(subject) = kind.subject(decision.namespace, object, config) else {
        decision.outcome = Outcome::Unreadable;
        return;
    };
    decision.outcome = if subject.excluded() {
        Outcome::Excluded
    } else if kind.is_traced(&subject) {
        decide(&subject, decision)
    } else {
        Outcome::NotTraced
    };
    decision.notes = subject.notes();
}

impl Decision<'_> {
    /// The AdmissionReview to answer with.
    pub fn answer(&self) -> Vec<u8> {
        answer(self.uid, self.patch.as_deref())
    }
}
