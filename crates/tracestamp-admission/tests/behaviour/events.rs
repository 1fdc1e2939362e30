//! Events about Pods: what is handed on, what only counts.

use serde_json::{Value, json};
use tracestamp_admission::Endpoint::{self, Observe, Stamp};
use tracestamp_admission::{Entropy, Outcome, Review};
use tracestamp_core::{Config, Timestamp};

use crate::world::*;

fn event(reason: &str, message: &str) -> Value {
    let pod =
        json!({"kind": "Pod", "apiVersion": "v1", "name": "build-pod", "uid": "e74eaaa4-dd3d-4461-86ec-ad78a3b160fe"});
    json!({
        "apiVersion": "v1", "kind": "Event", "involvedObject": pod, "reason": reason, "message": message,
        "metadata": {"name": "build-pod.18e9e8842247997c", "namespace": "ci"}, "eventTime": "2026-11-21T00:39:40.000000Z",
    })
}

/// The outcome, and whether something is handed on.
fn told(endpoint: Endpoint, operation: &str, event: &Value, more: Value, config: &Config) -> (Outcome, bool) {
    let body = review(operation, Some(event), None, &more).to_string();
    let review = Review::parse(body.as_bytes()).unwrap();
    let decision = review.decide(endpoint, config, Timestamp::from_nanos(1), Entropy([1; 20]));
    assert_eq!((decision.kind, decision.patch, decision.spans.len()), ("Event", None, 0));
    (decision.outcome, decision.pod_event.is_some())
}

#[test]
fn the_first_of_an_event_that_tells_is_handed_on_and_nothing_else_is() {
    let config = Config { pod_events: true, ..Config::default() };
    let killing = event("Killing", "Stopping container step-s");
    let of = |endpoint, operation, event: &Value, more| told(endpoint, operation, event, more, &config);
    assert_eq!(of(Observe, "CREATE", &killing, json!({})), (Outcome::PodEvent, true));
    assert_eq!(of(Observe, "UPDATE", &killing, json!({})), (Outcome::Repeated, false));
    assert_eq!(of(Observe, "DELETE", &killing, json!({})), (Outcome::NotTraced, false));
    assert_eq!(of(Stamp, "CREATE", &killing, json!({})), (Outcome::NotTraced, false));
    assert_eq!(of(Observe, "CREATE", &killing, json!({"dryRun": true})), (Outcome::DryRun, false));
    assert_eq!(of(Observe, "CREATE", &killing, json!({"namespace": "kube-system"})), (Outcome::Excluded, false));
    for (field, value) in [("count", json!(2)), ("deprecatedCount", json!(2)), ("series", json!({"count": 2}))] {
        let mut again = killing.clone();
        again[field] = value;
        assert_eq!(of(Observe, "CREATE", &again, json!({})), (Outcome::Repeated, false), "created again: {field}");
    }
    let mut first = killing.clone();
    first["count"] = json!(1);
    first["series"] = Value::Null;
    assert_eq!(of(Observe, "CREATE", &first, json!({})), (Outcome::PodEvent, true));
    let newer = json!({"kind": {"group": "events.k8s.io", "version": "v1", "kind": "Event"}});
    assert_eq!(of(Observe, "CREATE", &killing, newer), (Outcome::PodEvent, true));

    let present = event("Pulled", "Container image \"a\" already present on machine");
    assert_eq!(of(Observe, "CREATE", &present, json!({})), (Outcome::ImagePresent, false));
    assert_eq!(of(Observe, "UPDATE", &present, json!({})), (Outcome::Repeated, false));
    let same = event("Failed", "Error: ErrImagePull");
    assert_eq!(of(Observe, "CREATE", &same, json!({})), (Outcome::Unchanged, false));
    assert_eq!(of(Observe, "CREATE", &event("Started", ""), json!({})), (Outcome::NotTraced, false));
    let mut timeless = killing.clone();
    timeless["eventTime"] = Value::Null;
    assert_eq!(of(Observe, "CREATE", &timeless, json!({})), (Outcome::Unreadable, false));
    assert_eq!(told(Observe, "CREATE", &killing, json!({}), &Config::default()), (Outcome::NotTraced, false));
}
