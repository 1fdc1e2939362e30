//! Builds the span records of one object.

use std::borrow::Cow;

use crate::Timestamp;
use crate::context::{SpanId, Traceparent};
use crate::identity::Identity;
use crate::note::Note;
use crate::outcome::Outcome;
use crate::span::{Attribute, Event, SpanRecord, SpanType, Value};
use crate::subject::Subject;
use crate::text::cut;

/// The most events a span carries, the limit of OpenTelemetry's SDKs.
const EVENTS_LIMIT: usize = 128;
/// The longest text of a span, in bytes: what objects hold is theirs to choose, up to their own size.
pub(crate) const VALUE_LIMIT: usize = 1024;
/// The most texts in one attribute.
const LIST_LIMIT: usize = 16;
/// The most spans of one change. A run with as many retries or a Pod with as many containers is not real.
const SPANS_LIMIT: usize = 512;

/// Collects the spans of one change.
pub struct SpanBuilder<'s, 'a> {
    pub(crate) subject: &'s Subject<'a>,
    pub(crate) identity: Identity<'a>,
    pub(crate) received: Timestamp,
    description: Description<'a>,
    spans: Vec<SpanRecord<'a>>,
}

/// From when to when, and how that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The object tells no end; it is the second in which the review was received.
    pub(crate) received: bool,
    /// The times the object tells did not fit each other.
    pub(crate) clamped: bool,
}

impl Interval {
    /// From `start` to `end`, or without length when that is earlier.
    pub(crate) fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end: end.max(start), received: false, clamped: end < start }
    }

    /// Without length.
    pub(crate) fn at(instant: Timestamp) -> Self {
        Self::new(instant, instant)
    }

    /// The same, marked when its end is the instant of receipt.
    pub(crate) fn received(self, received: bool) -> Self {
        Self { received, ..self }
    }

    /// The same, cut to what lies within `outer`.
    pub(crate) fn within(self, outer: Self) -> Self {
        let start = self.start.clamp(outer.start, outer.end);
        let end = self.end.clamp(start, outer.end.max(start));
        Self { start, end, clamped: self.clamped || start != self.start || end != self.end, ..self }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One span, before the parts that all spans of the object share are added.
pub(crate) struct SpanDraft<'a> {
    pub(crate) what: SpanType,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) interval: Interval,
    pub(crate) outcome: Outcome,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) events: Vec<Event<'a>>,
}

impl<'s, 'a> SpanBuilder<'s, 'a> {
    pub(crate) fn new(
        subject: &'s Subject<'a>,
        identity: Identity<'a>,
        description: Description<'a>,
        received: Timestamp,
    ) -> Self {
        Self { subject, identity, description: description.cut(), received: received.second(), spans: Vec::new() }
    }

    pub(crate) fn into_spans(self) -> Vec<SpanRecord<'a>> {
        self.spans
    }

    /// The object's own span id.
    pub(crate) fn own(&self) -> SpanId {
        self.identity.context.span_id
    }

    /// The id of a span below the object's own.
    pub(crate) fn below(&self, what: SpanType, which: &str) -> SpanId {
        self.identity.below(self.subject.config, what.name(), which)
    }

    /// Records the object's own span. `unread` events are known by their number alone.
    pub(crate) fn write_own(&mut self, draft: SpanDraft<'a>, unread: usize) {
        let (links, remote) = (self.identity.links.clone(), self.identity.parent_is_remote);
        let record = self.record(draft);
        let dropped_events = record.dropped_events.saturating_add(u32::try_from(unread).unwrap_or(u32::MAX));
        self.spans.push(SpanRecord { links, parent_is_remote: remote, dropped_events, ..record });
    }

    /// Records a part of the object's own life, under the name of its type; one without length says nothing.
    pub(crate) fn write_part(
        &mut self,
        what: SpanType,
        which: &str,
        interval: Interval,
        outcome: Outcome,
        attributes: Vec<Attribute<'a>>,
    ) {
        if interval.is_empty() {
            return;
        }
        let (span_id, parent, name) = (self.below(what, which), Some(self.own()), Cow::Borrowed(what.name()));
        self.write(SpanDraft { what, span_id, parent, name, interval, outcome, attributes, events: Vec::new() });
    }

    /// Records a span below.
    pub(crate) fn write(&mut self, draft: SpanDraft<'a>) {
        if self.spans.len() >= SPANS_LIMIT {
            return self.subject.note(Note::SpansDropped);
        }
        let record = self.record(draft);
        self.spans.push(record);
    }

    /// The record a draft becomes.
    pub(crate) fn record(&self, draft: SpanDraft<'a>) -> SpanRecord<'a> {
        let SpanDraft { what, span_id, parent, mut name, interval, outcome, attributes: own, mut events } = draft;
        cut(&mut name, VALUE_LIMIT);
        // A short step is clamped as a rule: its container's end is cut to the second before its turn.
        if interval.clamped && what != SpanType::Step {
            self.subject.note(Note::Clamped);
        }
        let status = outcome.status();
        let mut attributes = self.common();
        attributes.extend(own);
        let told = !outcome.result.is_empty();
        attributes.extend(told.then(|| Attribute::new(what.result_key(), outcome.result)));
        attributes.extend(outcome.error.map(|error| Attribute::new("error.type", error)));
        attributes.extend(interval.received.then(|| Attribute::new("tracestamp.end", "received")));
        attributes.extend(interval.clamped.then(|| Attribute::new("tracestamp.clamped", true)));
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
            start: interval.start,
            end: interval.end,
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
        let run = self.description.run.clone().map(|run| Attribute::new("cicd.pipeline.run.id", run));
        let common = [
            Attribute::new("service.name", self.subject.config.service_name.as_str()),
            Attribute::new("k8s.namespace.name", self.subject.namespace),
        ];
        common.into_iter().chain(run).collect()
    }

    /// What every span of this object says about where it belongs.
    fn common(&self) -> Vec<Attribute<'a>> {
        let namespace = || Some(Cow::Borrowed(self.subject.namespace));
        let common = [("k8s.namespace.name", namespace()), ("namespace", namespace())];
        let mut attributes = Vec::with_capacity(24);
        attributes.extend(common.into_iter().chain(self.description.attributes.iter().cloned()).filter_map(
            |(key, value)| {
                let value = value.filter(|value| !value.is_empty())?;
                Some(Attribute::new(key, value))
            },
        ));
        self.configured(&mut attributes);
        attributes
    }

    /// Labels and annotations that the operator named; no others are recorded.
    fn configured(&self, attributes: &mut Vec<Attribute<'a>>) {
        let (subject, config) = (self.subject, self.subject.config);
        let object = subject.kind.attribute_prefix;
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

/// What every span of an object says about where it belongs.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    /// The uid of the run that the object is or belongs to: part of the OTLP Resource, so the same for all relatives.
    pub run: Option<Cow<'a, str>>,
    /// Attributes of every span; one without a value is left out.
    pub attributes: [(&'static str, Option<Cow<'a, str>>); 5],
}

impl Description<'_> {
    /// The same with texts of bounded length.
    fn cut(mut self) -> Self {
        let texts = self.attributes.iter_mut().filter_map(|(_, value)| value.as_mut());
        for text in texts.chain(&mut self.run) {
            cut(text, VALUE_LIMIT);
        }
        self
    }
}

/// Cuts every text of an attribute; of a list, the list as well.
fn cut_value(attribute: &mut Attribute<'_>) {
    cut(&mut attribute.key, VALUE_LIMIT);
    match &mut attribute.value {
        Value::Text(text) => cut(text, VALUE_LIMIT),
        Value::TextList(list) => {
            list.truncate(LIST_LIMIT);
            for text in list {
                cut(text, VALUE_LIMIT);
            }
        }
        Value::Int(_) | Value::Double(_) | Value::Bool(_) => {}
    }
}
