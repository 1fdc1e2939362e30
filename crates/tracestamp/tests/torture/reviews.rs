//! The API server's part: ends of TaskRuns, each another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use tracestamp_admission::{Endpoint, Entropy, Review};
use tracestamp_core::span::{SpanRecord, decode, encode};
use tracestamp_core::{Config, Timestamp};

/// Sends reviews until it is over, and gives the ids of the spans of those that were answered.
pub(crate) async fn send(client: reqwest::Client, url: String, sender: u64, over: Arc<AtomicBool>) -> Vec<String> {
    let mut answered = Vec::new();
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let body = review(sender, number).to_string();
        number += 1;
        // A webhook that is killed or not there yet: the API server admits the request without it.
        match client.post(&url).body(body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => answered.extend(spans(&body)),
            _ => sleep(Duration::from_millis(5)).await,
        }
    }
    answered
}

/// Sends this many reviews, one after the other, for as long as there is a webhook, and gives the ids of the spans of each
/// that was answered.
pub(crate) async fn send_some(client: &reqwest::Client, url: &str, sender: u64, number: u64) -> Vec<Vec<String>> {
    let mut answered = Vec::new();
    for number in 0..number {
        let body = review(sender, number).to_string();
        match client.post(url).body(body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => answered.push(spans(&body)),
            _ => break,
        }
    }
    answered
}

/// Records of this many reviews, as the webhook appends them.
pub(crate) fn records(number: u64) -> Vec<Vec<u8>> {
    let records = |number| with_records(&review(9, number).to_string(), |record| encode(record, Vec::new()).unwrap());
    (0..number).flat_map(records).collect()
}

/// The id of an appended record.
pub(crate) fn id_of(payload: &[u8]) -> String {
    id(&decode(payload).unwrap())
}

fn spans(body: &str) -> Vec<String> {
    with_records(body, id)
}

/// As the webhook decides, which has no memory.
fn with_records<T>(body: &str, of: impl Fn(&SpanRecord<'_>) -> T) -> Vec<T> {
    let review = Review::parse(body.as_bytes()).unwrap();
    let config = Config::default();
    let decision = review.decide(Endpoint::Observe, &config, Timestamp::from_nanos(1), Entropy([0; 20]));
    decision.spans.iter().map(of).collect()
}

fn id(record: &SpanRecord<'_>) -> String {
    format!("{}{}", record.context.trace_id, record.context.span_id)
}

fn review(sender: u64, number: u64) -> Value {
    let object = |status: Value| {
        json!({
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "spec": {"taskRef": {"name": "build"}}, "status": status,
            "metadata": {
                "name": format!("build-{sender}-{number}"), "namespace": "ci",
                "uid": format!("5f1d1c9e-0000-4000-{sender:04x}-{number:012x}"),
                "creationTimestamp": "2026-11-21T00:00:00Z",
            },
        })
    };
    let ended = json!({
        "startTime": "2026-11-21T00:00:02Z", "completionTime": "2026-11-21T00:00:07Z",
        "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}],
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": "UPDATE", "subResource": "status", "namespace": "ci", "dryRun": false,
        "kind": {"group": "tekton.dev", "version": "v1", "kind": "TaskRun"},
        "resource": {"group": "tekton.dev", "version": "v1", "resource": "taskruns"},
        "object": object(ended), "oldObject": object(json!({"startTime": "2026-11-21T00:00:02Z"})),
    }})
}
