//! Any body: no panic, `allow` agrees with `parse`, every patch applies, every span can be recorded.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tracestamp_admission::{Decision, Endpoint, Entropy, Review, allow};
use tracestamp_core::context::Sampler;
use tracestamp_core::kind::PodPlace;
use tracestamp_core::object::Object;
use tracestamp_core::span::SpanRecord;
use tracestamp_core::{CarrierMode, Config, Environment, SealKey, Timestamp, span};

const RECEIVED: Timestamp = Timestamp::from_nanos(1_795_221_523_349_093_363);
const ENTROPY: Entropy = Entropy([0xa5; 20]);

/// The Pod that every Event is about.
const POD: &str = r#"{"metadata": {
    "name": "build-pod", "uid": "u", "creationTimestamp": "2026-11-21T00:38:40Z", "labels": {"tekton.dev/taskRun": "build"},
    "annotations": {"tracestamp.dev/sample": "always"},
    "ownerReferences": [{"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": "build", "uid": "t", "controller": true}]
}}"#;

/// As installed, and with everything that can be opted into.
static CONFIGS: LazyLock<[Config; 2]> = LazyLock::new(|| {
    let opted_in = Config {
        seal_key: SealKey::new(b"fuzz".to_vec()),
        sampler: Sampler::ratio(0.5).expect("a half is a ratio"),
        carrier_mode: CarrierMode::Link,
        label_attributes: vec!["app.kubernetes.io/name".to_owned()],
        annotation_attributes: vec!["tekton.dev/displayName".to_owned()],
        pod_events: true,
        environment: Environment {
            resource: true,
            otlp_endpoint: Some("http://127.0.0.1:4317".to_owned()),
            baggage: true,
        },
        ..Config::default()
    };
    [Config::default(), opted_in]
});

fuzz_target!(|body: &[u8]| {
    let (review, allowed) = match (Review::parse(body), allow(body)) {
        (Ok(review), Ok(allowed)) => (review, allowed),
        (Err(_), Err(_)) => return,
        // One of them looks into text that the other passes over, but JSON is UTF-8 all through.
        (parsed, allowed) => {
            assert!(str::from_utf8(body).is_err(), "parse gives {parsed:?}, allow gives {allowed:?}");
            return;
        }
    };
    assert_eq!(response(&allowed)["uid"], review.uid());
    for config in &*CONFIGS {
        let stamp = review.decide(Endpoint::Stamp, config, RECEIVED, ENTROPY);
        assert!(stamp.spans.is_empty(), "a mutating review is never recorded");
        answers(&stamp);
        applies(&stamp, body);

        let observe = review.decide(Endpoint::Observe, config, RECEIVED, ENTROPY);
        assert!(observe.patch.is_none(), "a validating review is never patched");
        answers(&observe);
        records(&observe.spans);
        let pod: Object<'_> = serde_json::from_str(POD).expect("a Pod");
        let place = PodPlace::of(&pod, "ci", config).expect("a traced Pod");
        records(&observe.pod_event.iter().filter_map(|event| place.span(event, config)).collect::<Vec<_>>());
    }
});

fn response(answer: &[u8]) -> Value {
    let mut answer: Value = serde_json::from_slice(answer).expect("the answer is JSON");
    answer["response"].take()
}

fn answers(decision: &Decision<'_>) {
    let response = response(&decision.answer());
    assert_eq!(response["uid"], decision.uid);
    assert_eq!(response["allowed"], true);
    assert_eq!(response["patch"].is_string(), decision.patch.is_some());
}

fn applies(stamp: &Decision<'_>, body: &[u8]) {
    let Some(patch) = &stamp.patch else { return };
    let patch: json_patch::Patch = serde_json::from_slice(patch).expect("the patch is a JSON Patch");
    // What a view passes over, a whole parse may refuse: nesting, ill-formed text. The API server sends neither.
    let Ok(mut review) = serde_json::from_slice::<Value>(body) else { return };
    json_patch::patch(&mut review["request"]["object"], &patch).expect("the patch applies");
}

fn records(spans: &[SpanRecord<'_>]) {
    for record in spans {
        assert!(record.start <= record.end, "{record:?} ends before it starts");
        let payload = span::encode(record, Vec::new()).expect("a span can be recorded");
        let read = span::decode(&payload).expect("a recorded span can be read");
        assert_eq!(span::encode(&read, Vec::new()).expect("a span that was read can be recorded"), payload);
    }
}
