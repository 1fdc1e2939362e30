use proptest::prelude::*;

use super::*;
use crate::Timestamp;
use crate::context::Traceparent;
use crate::span::{Attribute, Event, Link, SpanKind, SpanType, Status, Value};

pub(in crate::span) fn record() -> SpanRecord<'static> {
    let context = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").unwrap();
    SpanRecord {
        span_type: SpanType::Step.name().into(),
        kind: SpanKind::Internal,
        context,
        parent: Some(context.span_id),
        parent_is_remote: false,
        tracestate: "ot=th:0".into(),
        name: "compile".into(),
        start: Timestamp::from_nanos(1),
        end: Timestamp::from_nanos(2),
        status: Status::Error("exit code 3".into()),
        resource: vec![Attribute::new("service.name", "tekton")],
        attributes: vec![
            Attribute::new("n", 3_i64),
            Attribute::new("f", 0.5),
            Attribute::new("b", true),
            Attribute::new("l", Value::TextList(vec!["a".into()])),
        ],
        events: vec![Event { time: Timestamp::from_nanos(1), name: "e".into(), attributes: vec![] }],
        dropped_events: 7,
        links: vec![Link { trace_id: context.trace_id, span_id: context.span_id, flags: context.flags }],
    }
}

/// The bytes of hexadecimal digits.
pub(in crate::span) fn bytes(digits: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn written(record: &SpanRecord<'_>) -> Vec<u8> {
    encode(record, Vec::new()).unwrap()
}

#[test]
fn a_record_of_every_type_is_read_back_as_it_was_written() {
    for span_type in SpanType::ALL {
        let record = SpanRecord { span_type: span_type.name().into(), kind: span_type.kind(), ..record() };
        assert_eq!(decode(&written(&record)).unwrap(), record);
    }
}

#[test]
fn version_2_keeps_its_bytes() {
    // A spool outlives an upgrade: a change of these bytes needs a new VERSION and a reader for the old.
    let expected = "02047374657008696e7465726e616c4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7030100f067aa0ba902b7\
        00076f743d74683a3007636f6d70696c650102010b6578697420636f64652033010c736572766963652e6e616d65000674656b746f6e\
        04016e0106016602000000000000e03f01620301016c04010161010101650007014bf92f3577b34da6a3ce929d0e0e473600f067aa0b\
        a902b703";
    assert_eq!(written(&record()), bytes(expected), "the bytes of version 2 changed");
}

#[test]
fn a_type_and_a_kind_that_only_a_newer_build_knows_are_read() {
    let mut newer = written(&record());
    // Of the same length as `step` and `internal`.
    newer.splice(1..15, b"\x04wave\x08callback".iter().copied());
    let expected = SpanRecord { span_type: "wave".into(), kind: SpanKind::Internal, ..record() };
    assert_eq!(decode(&newer).unwrap(), expected);
}

#[test]
fn a_cut_or_foreign_payload_is_an_error_and_no_panic() {
    let payload = written(&record());
    for end in 0..payload.len() {
        assert!(matches!(decode(&payload[..end]), Err(DecodeError::Empty | DecodeError::Malformed(_))), "{end}");
    }
    for version in (0..=u8::MAX).filter(|version| ![1, VERSION].contains(version)) {
        assert!(matches!(decode(&[version, 0]), Err(DecodeError::Version(found)) if found == version));
    }
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        ".{0,20}".prop_map(|text| Value::Text(text.into())),
        any::<i64>().prop_map(Value::Int),
        // Not NaN, which does not equal itself.
        any::<i32>().prop_map(|number| Value::Double(f64::from(number) / 7.0)),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(".{0,9}", 0..4)
            .prop_map(|list| Value::TextList(list.into_iter().map(Into::into).collect())),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute<'static>>> {
    let attribute = ("[a-z.]{1,20}", value()).prop_map(|(key, value)| Attribute { key: key.into(), value });
    prop::collection::vec(attribute, 0..5)
}

proptest! {
    #[test]
    fn whatever_a_record_holds_is_read_back(
        (span_type, name, tracestate) in (".{0,20}", ".{0,40}", "[a-z=,]{0,20}"),
        (start, end, dropped_events) in (any::<u64>(), any::<u64>(), any::<u32>()),
        (root, parent_is_remote, error) in (any::<bool>(), any::<bool>(), prop::option::of(".{0,40}")),
        (resource, own, of_event) in (attributes(), attributes(), attributes()),
        (events, links) in (0..4_usize, 0..4_usize),
    ) {
        let [start, end] = [start, end].map(Timestamp::from_nanos);
        let (event, link) = (Event { time: end, name: name.clone().into(), attributes: of_event }, record().links[0]);
        let record = SpanRecord {
            span_type: span_type.into(),
            kind: SpanKind::Producer,
            parent: record().parent.filter(|_| !root),
            parent_is_remote,
            tracestate: tracestate.into(),
            name: name.into(),
            start,
            end,
            status: error.map_or(Status::Unset, |error| Status::Error(error.into())),
            resource,
            attributes: own,
            events: vec![event; events],
            dropped_events,
            links: vec![link; links],
            ..record()
        };
        prop_assert_eq!(decode(&written(&record)).unwrap(), record);
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(payload in prop::collection::vec(any::<u8>(), 0..200), version in 1..=VERSION) {
        let payload = [&[version][..], &payload].concat();
        if let Ok(record) = decode(&payload) {
            let again = written(&record);
            prop_assert_eq!(written(&decode(&again).unwrap()), again);
        }
    }
}
