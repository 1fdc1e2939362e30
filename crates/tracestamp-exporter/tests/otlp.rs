//! What a record looks like as OTLP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value as Json, json};
use tracestamp_core::Timestamp;
use tracestamp_core::context::Traceparent;
use tracestamp_core::span::{Attribute, Event, Link, SpanKind, SpanRecord, Status, Value};
use tracestamp_exporter::otlp::{ResourceSettings, request, to_json};

fn record() -> SpanRecord<'static> {
    let context = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").unwrap();
    let parent = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8-01").unwrap();
    SpanRecord {
        span_type: "pipeline_run".into(),
        kind: SpanKind::Server,
        context,
        parent: Some(parent.span_id),
        parent_is_remote: true,
        tracestate: "ot=th:0".into(),
        name: "RUN build".into(),
        start: Timestamp::from_nanos(1_700_000_000_000_000_001),
        end: Timestamp::from_nanos(1_700_000_001_000_000_002),
        status: Status::Error("exit code 3".into()),
        resource: vec![Attribute::new("service.name", "tekton")],
        attributes: vec![
            Attribute::new("i", 9_007_199_254_740_993_i64),
            Attribute::new("d", 0.5),
            Attribute::new("b", true),
            Attribute::new("l", Value::TextList(vec!["x".into(), "y".into()])),
        ],
        events: vec![Event {
            time: Timestamp::from_nanos(1_700_000_000_500_000_000),
            name: "skipped".into(),
            attributes: vec![Attribute::new("k", "v")],
        }],
        dropped_events: 3,
        links: vec![Link { trace_id: parent.trace_id, span_id: parent.span_id, flags: parent.flags }],
    }
}

fn json(records: &[SpanRecord<'_>], settings: &ResourceSettings) -> Json {
    serde_json::from_str(&to_json(&request(records, settings)).unwrap()).unwrap()
}

fn span(record: &SpanRecord<'_>) -> Json {
    json(std::slice::from_ref(record), &ResourceSettings::default())["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        .clone()
}

/// The resource's attributes as `key=value`.
fn resource(settings: &ResourceSettings) -> Vec<String> {
    let json = json(&[record()], settings);
    let attributes = json["resourceSpans"][0]["resource"]["attributes"].as_array().unwrap().clone();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    attributes.iter().map(|a| format!("{}={}", text(&a["key"]), text(&a["value"]["stringValue"]))).collect()
}

#[test]
fn ids_are_hexadecimal_times_and_integers_strings_and_enums_numbers() {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    assert_eq!(
        span(&record()),
        json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": "00f067aa0ba902b7",
            "traceState": "ot=th:0",
            "parentSpanId": "53995c3f42cd8ad8",
            "flags": 0x303,
            "name": "RUN build",
            "kind": 2,
            "startTimeUnixNano": "1700000000000000001",
            "endTimeUnixNano": "1700000001000000002",
            "attributes": [
                text("tracestamp.span", "pipeline_run"),
                {"key": "i", "value": {"intValue": "9007199254740993"}},
                {"key": "d", "value": {"doubleValue": 0.5}},
                {"key": "b", "value": {"boolValue": true}},
                {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "y"}]}}},
            ],
            "droppedAttributesCount": 0,
            "events": [{
                "timeUnixNano": "1700000000500000000",
                "name": "skipped",
                "attributes": [text("k", "v")],
                "droppedAttributesCount": 0,
            }],
            "droppedEventsCount": 3,
            "links": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                "spanId": "53995c3f42cd8ad8",
                "traceState": "",
                "attributes": [],
                "droppedAttributesCount": 0,
                "flags": 1,
            }],
            "droppedLinksCount": 0,
            "status": {"message": "exit code 3", "code": 2},
        })
    );
}

#[test]
fn a_span_has_the_kind_of_its_record_whatever_its_type() {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    for (kind, number) in [(Internal, 1), (Server, 2), (Client, 3), (Producer, 4), (Consumer, 5)] {
        assert_eq!(span(&SpanRecord { kind, ..record() })["kind"], number, "{kind:?}");
    }
}

#[test]
fn a_root_has_no_parent_and_a_span_below_one_of_ours_a_parent_that_is_not_remote() {
    let root = span(&SpanRecord { parent: None, parent_is_remote: false, ..record() });
    assert_eq!((&root["parentSpanId"], &root["flags"]), (&json!(""), &json!(0x103)));
}

#[test]
fn resource_and_scope_name_the_conventions_they_follow() {
    let json = json(&[record()], &ResourceSettings::default());
    let resource = &json["resourceSpans"][0];
    assert_eq!(resource["schemaUrl"], "https://opentelemetry.io/schemas/1.44.0");
    assert_eq!(resource["scopeSpans"][0]["schemaUrl"], "https://opentelemetry.io/schemas/1.44.0");
    assert_eq!(resource["scopeSpans"][0]["scope"]["name"], "tracestamp");
    assert!(!to_json(&request(&[record()], &ResourceSettings::default())).unwrap().contains('\n'));
}

#[test]
fn the_operators_attributes_are_added_and_only_the_service_name_replaces_a_records_own() {
    let settings = |attributes, name| ResourceSettings::new(attributes, name).unwrap();
    assert_eq!(resource(&settings("", "")), ["service.name=tekton"]);
    assert_eq!(
        resource(&settings("service.name=other,k8s.cluster.name=east%20one", "")),
        ["service.name=tekton", "k8s.cluster.name=east one"]
    );
    assert_eq!(resource(&settings("service.name=other,a=b", "ours")), ["service.name=ours", "a=b"]);
}
