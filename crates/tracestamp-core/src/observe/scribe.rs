//! Writes span records that share an object.

use std::borrow::Cow;

use super::outcome::Outcome;
use super::run_name;
use crate::Timestamp;
use crate::context::{SpanId, Traceparent};
use crate::identity::Identity;
use crate::note::Note;
use crate::object::Kind;
use crate::span::{Attribute, Event, SpanRecord, SpanType, Value};
use crate::subject::Subject;
use crate::text::cut;

/// The most events a span carries, the limit of OpenTelemetry's SDKs.
const EVENTS_LIMIT: usize = 128;
/// The longest text of a span, in bytes: what objects hold is theirs to choose, up to their own size.
pub(super) const VALUE_LIMIT: usize = 1024;
/// The most texts in one attribute.
const LIST_LIMIT: usize = 16;
/// The most spans of one change. A run with as many retries or a Pod with as many containers is not real.
const SPANS_LIMIT: usize = 512;

/// Collects the spans of one change.
pub(super) struct Scribe<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) identity: Identity<'a>,
    pub(super) received: Timestamp,
    spans: Vec<SpanRecord<'a>>,
}

/// From when to when, and how that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// The object tells no end; it is the second in which the review was received.
    pub(super) received: bool,
    /// The times the object tells did not fit each other.
    pub(super) clamped: bool,
}

impl Extent {
    /// From `start` to `end`, or without length when that is earlier.
    pub(super) fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end: end.max(start), received: false, clamped: end < start }
    }

    /// Without length.
    pub(super) fn at(instant: Timestamp) -> Self {
        Self::new(instant, instant)
    }

    /// The same, marked when its end is the instant of receipt.
    pub(super) fn received(self, received: bool) -> Self {
        Self { received, ..self }
    }

    /// The same, cut to what lies within `outer`.
    pub(super) fn within(self, outer: Self) -> Self {
        let start = self.start.clamp(outer.start, outer.end);
        let end = self.end.clamp(start, outer.end.max(start));
        Self { start, end, clamped: self.clamped || start != self.start || end != self.end, ..self }
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One span, before the parts that all spans of the object share are added.
pub(super) struct Draft<'a> {
    pub(super) what: SpanType,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: Cow<'a, str>,
    pub(super) extent: Extent,
    pub(super) outcome: Outcome,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) events: Vec<Event<'a>>,
}

impl<'s, 'a> Scribe<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>, identity: Identity<'a>, received: Timestamp) -> Self {
        Self { subject, identity, received: received.second(), spans: Vec::new() }
    }

    pub(super) fn into_spans(self) -> Vec<SpanRecord<'a>> {
        self.spans
    }

    /// The object's own span id.
    pub(super) fn own(&self) -> SpanId {
        self.identity.context.span_id
    }

    /// The id of a span below the object's own.
    pub(super) fn below(&self, what: SpanType, which: &str) -> SpanId {
        self.identity.below(self.subject.config, what.name(), which)
    }

    /// Records the object's own span. `unread` events are known by their number alone.
    pub(super) fn write_own(&mut self, draft: Draft<'a>, unread: usize) {
        let (links, remote) = (self.identity.links.clone(), self.identity.parent_is_remote);
        let record = self.record(draft);
        let dropped_events = record.dropped_events.saturating_add(u32::try_from(unread).unwrap_or(u32::MAX));
        self.spans.push(SpanRecord { links, parent_is_remote: remote, dropped_events, ..record });
    }

    /// Records a span below.
    pub(super) fn write(&mut self, draft: Draft<'a>) {
        if self.spans.len() >= SPANS_LIMIT {
            return self.subject.note(Note::SpansDropped);
        }
        let record = self.record(draft);
        self.spans.push(record);
    }

    /// The record a draft becomes.
    pub(super) fn record(&self, draft: Draft<'a>) -> SpanRecord<'a> {
        let Draft { what, span_id, parent, mut name, extent, outcome, attributes: own, mut events } = draft;
        cut(&mut name, VALUE_LIMIT);
        // A short step is clamped as a rule: its container's end is cut to the second before its turn.
        if extent.clamped && what != SpanType::Step {
            self.subject.note(Note::Clamped);
        }
        let status = outcome.status();
        let mut attributes = self.common();
        attributes.extend(own);
        let told = !outcome.result.is_empty();
        attributes.extend(told.then(|| Attribute::new(what.result_key(), outcome.result)));
        attributes.extend(outcome.error.map(|error| Attribute::new("error.type", error)));
        attributes.extend(extent.received.then(|| Attribute::new("tracestamp.end", "received")));
        attributes.extend(extent.clamped.then(|| Attribute::new("tracestamp.clamped", true)));
        let dropped_events = events.len().saturating_sub(EVENTS_LIMIT);
        if dropped_events > 0 {
            self.subject.note(Note::EventsDropped);
            events.truncate(EVENTS_LIMIT);
        }
        let mut resource = self.resource();
        let of_events = events.iter_mut().flat_map(|event| &mut event.attributes);
        of_events.chain(&mut attributes).chain(&mut resource).for_each(cut_value);
        SpanRecord {
            span_type: Cow::Borrowed(what.name()),
            kind: what.kind(),
            context: Traceparent { span_id, ..self.identity.context },
            parent,
            parent_is_remote: false,
            tracestate: self.identity.tracestate.clone(),
            name,
            start: extent.start,
            end: extent.end,
            status,
            resource,
            attributes,
            events,
            dropped_events: u32::try_from(dropped_events).unwrap_or(u32::MAX),
            links: Vec::new(),
        }
    }

    /// Equal for all spans of a run, so only what run, task run and Pod all know.
    fn resource(&self) -> Vec<Attribute<'a>> {
        let subject = self.subject;
        let mut resource = vec![
            Attribute::new("service.name", subject.config.service_name.as_str()),
            Attribute::new("k8s.namespace.name", subject.namespace),
        ];
        let run = match subject.kind {
            Kind::PipelineRun => subject.metadata.uid.as_deref().map(Cow::Borrowed),
            _ => subject.owner().and_then(|(owner, kind)| {
                let owners = || (kind == Kind::PipelineRun).then_some(Cow::Borrowed(&*owner.uid));
                subject.labels.get_filled("tekton.dev/pipelineRunUID").or_else(owners)
            }),
        };
        resource.extend(run.map(|run| Attribute::new("cicd.pipeline.run.id", run)));
        resource
    }

    /// What every span of this object says about where it belongs.
    fn common(&self) -> Vec<Attribute<'a>> {
        let subject = self.subject;
        // Labels of a run that no run controls are copied from another.
        let label = |key: &str| subject.labels.get_filled(key).filter(|_| subject.owner().is_some());
        let name = || Some(Cow::Borrowed(subject.name()));
        let mut attributes = Vec::with_capacity(24);
        let mut put = |key: &'static str, value: Option<Cow<'a, str>>| {
            attributes.extend(value.filter(|value| !value.is_empty()).map(|value| Attribute::new(key, value)));
        };
        put("k8s.namespace.name", Some(Cow::Borrowed(subject.namespace)));
        put("namespace", Some(Cow::Borrowed(subject.namespace)));
        match subject.kind {
            Kind::PipelineRun => put("pipelinerun", name()),
            Kind::TaskRun | Kind::CustomRun => {
                put("pipelinerun", label("tekton.dev/pipelineRun"));
                put(if subject.kind == Kind::TaskRun { "taskrun" } else { "customrun" }, name());
            }
            Kind::Pod => {
                put("pipelinerun", label("tekton.dev/pipelineRun"));
                put("taskrun", label("tekton.dev/taskRun"));
                put("k8s.pod.name", name());
                put("k8s.pod.uid", subject.metadata.uid.as_deref().map(Cow::Borrowed));
            }
        }
        put("cicd.pipeline.task.name", run_name::task(subject));
        self.configured(&mut attributes);
        attributes
    }

    /// Labels and annotations that the operator named; no others are told.
    fn configured(&self, attributes: &mut Vec<Attribute<'a>>) {
        let (subject, config) = (self.subject, self.subject.config);
        let object = match subject.kind {
            Kind::PipelineRun => "tekton.pipelinerun",
            Kind::TaskRun => "tekton.taskrun",
            Kind::CustomRun => "tekton.customrun",
            Kind::Pod => "k8s.pod",
        };
        let named = [
            ("label", &config.label_attributes, &subject.labels),
            ("annotation", &config.annotation_attributes, &subject.annotations),
        ];
        for (kind, keys, values) in named {
            attributes.extend(keys.iter().filter_map(|key| {
                let value = values.get_bounded(key, VALUE_LIMIT).ok()??;
                Some(Attribute { key: format!("{object}.{kind}.{key}").into(), value: Value::from(value) })
            }));
        }
    }
}

/// Cuts every text of an attribute; of a list, the list as well.
fn cut_value(attribute: &mut Attribute<'_>) {
    cut(&mut attribute.key, VALUE_LIMIT);
    match &mut attribute.value {
        Value::Text(text) => cut(text, VALUE_LIMIT),
        Value::TextList(list) => {
            list.truncate(LIST_LIMIT);
            list.iter_mut().for_each(|text| cut(text, VALUE_LIMIT));
        }
        Value::Int(_) | Value::Double(_) | Value::Bool(_) => {}
    }
}
