//! Span records of version 1, which had the type of span by its place in a list. Read, never written.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Attribute, Event, Link, SpanKind, SpanRecord, Status};
use crate::Timestamp;
use crate::context::{SpanId, Traceparent};

/// The names by index. Only the one type with a kind other than INTERNAL comes with it.
const TYPES: [(&str, SpanKind); 14] = [
    ("pipeline_run", SpanKind::Server),
    ("pending", SpanKind::Internal),
    ("finally", SpanKind::Internal),
    ("task_run", SpanKind::Internal),
    ("attempt", SpanKind::Internal),
    ("custom_run", SpanKind::Internal),
    ("pod", SpanKind::Internal),
    ("schedule", SpanKind::Internal),
    ("sandbox", SpanKind::Internal),
    ("init_container", SpanKind::Internal),
    ("sidecar", SpanKind::Internal),
    ("step", SpanKind::Internal),
    ("pull", SpanKind::Internal),
    ("pod_event", SpanKind::Internal),
];

/// The fields in their order on disk.
#[derive(Deserialize)]
struct Record<'a> {
    /// postcard writes the index of a variant as it writes a number.
    type_index: u32,
    context: Traceparent,
    parent: Option<SpanId>,
    parent_is_remote: bool,
    tracestate: Cow<'a, str>,
    name: Cow<'a, str>,
    start: Timestamp,
    end: Timestamp,
    status: Status<'a>,
    resource: Vec<Attribute<'a>>,
    attributes: Vec<Attribute<'a>>,
    events: Vec<Event<'a>>,
    links: Vec<Link>,
}

/// Reads what follows the version byte.
pub(super) fn decode(record: &[u8]) -> Result<SpanRecord<'static>, postcard::Error> {
    let record: Record<'static> = postcard::from_bytes(record)?;
    let index = usize::try_from(record.type_index).unwrap_or(usize::MAX);
    let &(span_type, kind) = TYPES.get(index).ok_or(postcard::Error::DeserializeBadEnum)?;
    Ok(SpanRecord {
        span_type: Cow::Borrowed(span_type),
        kind,
        context: record.context,
        parent: record.parent,
        parent_is_remote: record.parent_is_remote,
        tracestate: record.tracestate,
        name: record.name,
        start: record.start,
        end: record.end,
        status: record.status,
        resource: record.resource,
        attributes: record.attributes,
        events: record.events,
        dropped_events: 0,
        links: record.links,
    })
}

#[cfg(test)]
mod tests {
    use super::super::codec;
    use super::super::codec::tests::{bytes, record};
    use super::*;

    /// What version 1 wrote behind the index: [`record`].
    const REST: &str = "4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7030100f067aa0ba902b700076f743d74683a3007636f6d7069\
        6c650102010b6578697420636f64652033010c736572766963652e6e616d65000674656b746f6e04016e0106016602000000000000e03f\
        01620301016c040101610101016500014bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b703";

    #[test]
    fn each_type_of_version_1_is_read_as_version_2_has_it() {
        let written = [
            ("pipeline_run", "0100"),
            ("pending", "0101"),
            ("finally", "0102"),
            ("task_run", "0103"),
            ("attempt", "0104"),
            ("custom_run", "0105"),
            ("pod", "0106"),
            ("schedule", "0107"),
            ("sandbox", "0108"),
            ("init_container", "0109"),
            ("sidecar", "010a"),
            ("step", "010b"),
            ("pull", "010c"),
            ("pod_event", "010d"),
        ];
        for (name, begin) in written {
            let kind = if name == "pipeline_run" { SpanKind::Server } else { SpanKind::Internal };
            let expected = SpanRecord { span_type: name.into(), kind, dropped_events: 0, ..record() };
            assert_eq!(codec::decode(&bytes(&format!("{begin}{REST}"))).unwrap(), expected);
        }
    }

    #[test]
    fn an_index_past_those_of_version_1_is_malformed() {
        for begin in ["010e", "01ffffffff0f"] {
            let read = codec::decode(&bytes(&format!("{begin}{REST}")));
            assert!(matches!(read, Err(codec::DecodeError::Malformed(_))), "{begin}: {read:?}");
        }
    }
}
