//! Where the spans that Events give belong.

use std::borrow::Cow;
use std::time::Duration;

use super::container::image_attributes;
use super::{Pod, attempt};
use crate::builder::{Interval, SpanBuilder, SpanDraft, VALUE_LIMIT};
use crate::context::Traceparent;
use crate::kind::ObjectKind;
use crate::object::Object;
use crate::outcome::Outcome;
use crate::pod_event::{NAME_LIMIT, PodEvent, Tells, UID_LIMIT};
use crate::seal::Seal;
use crate::span::{Attribute, SpanRecord, SpanType, Status, decode, encode};
use crate::text::cut;
use crate::{Config, Timestamp};

/// The longest record that is kept, in bytes; those of Tekton's Pods have some hundred.
const RECORD_LIMIT: usize = 8192;

/// What the spans of a Pod have in common. It is kept between reviews, so it is compact and owns what it has.
#[derive(Clone, Debug)]
pub struct PodPlace {
    name: Box<str>,
    namespace: Box<str>,
    /// A record without what an Event tells; `None` where nothing is recorded.
    record: Option<Box<[u8]>>,
}

impl PodPlace {
    /// What Events about this Pod have to be told; `None` when it is none that is traced, or tells too little of itself.
    pub fn of(pod: &Object<'_>, namespace: &str, config: &Config) -> Option<Self> {
        let kind: &dyn ObjectKind = &Pod;
        let subject = kind.subject(namespace, pod, config)?;
        // Whoever reaches the webhook can send what the API server would not.
        let uid = subject.metadata.uid.as_deref().unwrap_or_default();
        if uid.len() > UID_LIMIT || namespace.len().max(subject.name().len()) > NAME_LIMIT {
            return None;
        }
        let created = subject.metadata.created().filter(|_| !subject.excluded() && kind.is_traced(&subject))?;
        let identity = subject.identity()?;
        let sampled = identity.context.flags.sampled();
        let builder = SpanBuilder::new(&subject, identity, kind.describe(&subject), created);
        let record = builder.record(SpanDraft {
            what: SpanType::Pod,
            span_id: builder.own(),
            parent: Some(builder.own()),
            name: Cow::Borrowed(""),
            interval: Interval::at(created),
            outcome: Outcome::UNTOLD,
            attributes: vec![Attribute::new("tracestamp.attempt", attempt(subject.name()))],
            events: Vec::new(),
        });
        let record = sampled.then(|| encode(&record, Vec::new()).ok()).flatten().map(Vec::into_boxed_slice);
        let record = record.filter(|record| record.len() <= RECORD_LIMIT);
        Some(Self { name: subject.name().into(), namespace: namespace.into(), record })
    }

    /// Whether the Event is about this Pod, of which it names the uid. Anybody may write Events, but only in namespaces
    /// of their own.
    pub fn is_of(&self, event: &PodEvent) -> bool {
        *self.namespace == *event.namespace && *self.name == *event.pod_name
    }

    /// The span that the Event gives; none when the trace is not recorded.
    pub fn span(&self, event: &PodEvent, config: &Config) -> Option<SpanRecord<'static>> {
        let common = decode(self.record.as_deref()?).ok()?;
        let (what, name, took, own, status) = match &event.tells {
            Tells::Pulled { image, took, waited, size } => {
                let waited = waited.map(|waited| Duration::from_nanos(waited).as_secs_f64());
                let mut own = image_attributes(image);
                own.extend(waited.map(|waited| Attribute::new("tracestamp.pull.waited", waited)));
                own.extend(size.map(|size| Attribute::new("tracestamp.image.size", size)));
                (SpanType::Pull, format!("pull {image}"), *took, own, Status::Unset)
            }
            Tells::PullFailed { image, cause } => {
                let mut own = image_attributes(image);
                own.push(Attribute::new("tracestamp.result", "error"));
                own.push(Attribute::new("error.type", *cause));
                (SpanType::Pull, format!("pull {image}"), 0, own, Status::Error(Cow::Borrowed("")))
            }
            Tells::Happened => (SpanType::PodEvent, event.reason.to_owned(), 0, Vec::new(), Status::Unset),
        };
        let created = common.start;
        let start = Timestamp::from_nanos(event.at.nanos().saturating_sub(took));
        let (mut attributes, context) = (common.attributes, common.context);
        attributes.extend(event.container.clone().map(|container| Attribute::new("k8s.container.name", container)));
        attributes.push(Attribute::new("k8s.event.name", event.name.clone()));
        attributes.push(Attribute::new("k8s.event.reason", event.reason));
        // The clock of a node that is behind that of the API server.
        attributes.extend((start < created).then(|| Attribute::new("tracestamp.clamped", true)));
        attributes.extend(own);
        let mut name = Cow::Owned(name);
        cut(&mut name, VALUE_LIMIT);
        let seal = Seal::new(config.seal_key.as_ref());
        let span_id = seal.below(context.trace_id, context.span_id, what.name(), &event.name);
        Some(SpanRecord {
            span_type: Cow::Borrowed(what.name()),
            kind: what.kind(),
            context: Traceparent { span_id, ..context },
            parent: Some(context.span_id),
            name,
            start: start.max(created),
            end: event.at.max(created),
            status,
            attributes,
            ..common
        })
    }
}
