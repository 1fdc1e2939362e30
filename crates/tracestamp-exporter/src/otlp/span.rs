//! One record to one span.

use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use tracestamp_core::span::{SpanKind as RecordKind, SpanRecord, Status as RecordStatus};

use super::{key_value, key_values};

/// Bits of `Span.flags` above the eight trace flags: the next bit is known, and the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

pub(super) fn span(record: &SpanRecord<'_>) -> Span {
    let span_type = key_value("tracestamp.span", OtlpValue::StringValue(record.span_type.clone().into_owned()));
    Span {
        trace_id: record.context.trace_id.bytes().into(),
        span_id: record.context.span_id.bytes().into(),
        trace_state: record.tracestate.clone().into_owned(),
        parent_span_id: record.parent.map(|parent| parent.bytes().into()).unwrap_or_default(),
        flags: u32::from(record.context.flags.bits())
            | HAS_IS_REMOTE
            | if record.parent_is_remote { IS_REMOTE } else { 0 },
        name: record.name.clone().into_owned(),
        kind: kind(record.kind).into(),
        start_time_unix_nano: record.start.nanos(),
        end_time_unix_nano: record.end.nanos(),
        attributes: std::iter::once(span_type).chain(key_values(&record.attributes)).collect(),
        events: record
            .events
            .iter()
            .map(|event| Event {
                time_unix_nano: event.time.nanos(),
                name: event.name.clone().into_owned(),
                attributes: key_values(&event.attributes).collect(),
                dropped_attributes_count: 0,
            })
            .collect(),
        dropped_events_count: record.dropped_events,
        links: record
            .links
            .iter()
            .map(|link| Link {
                trace_id: link.trace_id.bytes().into(),
                span_id: link.span_id.bytes().into(),
                flags: u32::from(link.flags.bits()),
                ..Link::default()
            })
            .collect(),
        status: Some(match &record.status {
            RecordStatus::Unset => Status::default(),
            RecordStatus::Error(message) => {
                Status { message: message.clone().into_owned(), code: StatusCode::Error.into() }
            }
        }),
        ..Span::default()
    }
}

fn kind(kind: RecordKind) -> SpanKind {
    match kind {
        RecordKind::Internal => SpanKind::Internal,
        RecordKind::Server => SpanKind::Server,
        RecordKind::Client => SpanKind::Client,
        RecordKind::Producer => SpanKind::Producer,
        RecordKind::Consumer => SpanKind::Consumer,
    }
}
