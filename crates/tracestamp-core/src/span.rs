//! A finished span as data: what the webhook records, the spool carries and the exporter sends.

mod codec;
mod codec_v1;
mod kind;
mod span_type;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use codec::{DecodeError, VERSION, decode, encode};
pub use kind::SpanKind;
pub use span_type::{Look, Presentation, RESULT_KEYS, SpanType};

use crate::Timestamp;
use crate::context::{SpanId, TraceFlags, TraceId, Traceparent};

/// One finished span. Text is borrowed from the review where it can be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SpanRecord<'a> {
    /// The name of a [`SpanType`], or of one that only a newer build knows. The encoder of OTLP adds it as the attribute
    /// `tracestamp.span`.
    pub span_type: Cow<'a, str>,
    /// The kind that OpenTelemetry gives spans.
    pub kind: SpanKind,
    /// The span's own position: trace id, span id, flags.
    pub context: Traceparent,
    /// The span above; `None` on a root.
    pub parent: Option<SpanId>,
    /// The parent comes from a carrier of the creator's, so it lies outside the cluster.
    pub parent_is_remote: bool,
    /// The W3C `tracestate` of the trace, empty when there is none.
    pub tracestate: Cow<'a, str>,
    /// The span's name, of low cardinality.
    pub name: Cow<'a, str>,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; never before `start`.
    pub end: Timestamp,
    /// Unset or Error.
    pub status: Status<'a>,
    /// Attributes of the OTLP Resource: equal for all spans of one run, whichever replica records them.
    pub resource: Vec<Attribute<'a>>,
    /// The span's attributes.
    pub attributes: Vec<Attribute<'a>>,
    /// What happened at an instant within it.
    pub events: Vec<Event<'a>>,
    /// How many events were left out because a span carries a bounded number.
    pub dropped_events: u32,
    /// Other spans it is linked to.
    pub links: Vec<Link>,
}

/// The span's status. Success is `Unset`, as OpenTelemetry's "recording errors" asks of instrumentation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status<'a> {
    /// Nothing went wrong.
    Unset,
    /// It failed; the description is bounded and may be empty.
    Error(Cow<'a, str>),
}

/// A name and a value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attribute<'a> {
    /// The key, mostly of OpenTelemetry's semantic conventions 1.44.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Attribute<'a> {
    /// An attribute with a fixed key.
    pub fn new(key: &'static str, value: impl Into<Value<'a>>) -> Self {
        Self { key: Cow::Borrowed(key), value: value.into() }
    }
}

/// An attribute's value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is the type it names")]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Double(f64),
    Bool(bool),
    TextList(Vec<Cow<'a, str>>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),*) => {
        $(impl<'a> From<$from> for Value<'a> {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

value_from!(&'a str => Text, String => Text, Cow<'a, str> => Text, i64 => Int, f64 => Double, bool => Bool);

/// An instant within a span.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event<'a> {
    /// When.
    pub time: Timestamp,
    /// What, of low cardinality.
    pub name: Cow<'a, str>,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// A reference to a span elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The linked trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// Its flags.
    pub flags: TraceFlags,
}

impl From<Traceparent> for Link {
    fn from(context: Traceparent) -> Self {
        Self { trace_id: context.trace_id, span_id: context.span_id, flags: context.flags }
    }
}

impl From<Link> for Traceparent {
    fn from(link: Link) -> Self {
        Self { trace_id: link.trace_id, span_id: link.span_id, flags: link.flags }
    }
}
