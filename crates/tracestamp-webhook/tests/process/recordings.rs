use std::path::Path;

use serde_json::{Value, json};

use crate::webhook::{ENDPOINT, Webhook};

/// The reviews of a recording, with the path the API server sends each to.
fn recorded(name: &str) -> Vec<(&'static str, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracestamp/recordings").join(name);
    let lines = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let review = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let path = if line["phase"] == "mutating" { "/stamp?timeout=2s" } else { "/observe?timeout=1s" };
        (path, line["review"].to_string())
    };
    lines.lines().map(review).collect()
}

const ALL: [&str; 10] =
    ["cancel", "evicted", "fail", "matrix", "pods", "pull", "sidecar", "slow-pull", "success", "timeout"];

#[tokio::test]
async fn every_recorded_review_is_allowed_under_its_uid() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    for name in ALL {
        for (path, body) in recorded(&format!("{name}.jsonl.zst")) {
            let uid = serde_json::from_str::<Value>(&body).unwrap()["request"]["uid"].clone();
            let answer = client.post(format!("{}{path}", webhook.url)).body(body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{name}");
            let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(answer["response"]["uid"], uid, "{name}");
            assert_eq!(answer["response"]["allowed"], true, "{name}");
        }
    }
    let (_, metrics) = webhook.admin("/metrics").await;
    assert!(!metrics.contains("s3cr3t-value"), "the secret of `sidecar` is in no metric");
    assert!(!webhook.log().contains("s3cr3t-value"), "nor in the log at debug");
    assert!(!metrics.contains("unreadable"), "everything real can be read");
    let mut dropped = metrics.lines().filter(|line| line.contains("spans_dropped_total{"));
    assert!(dropped.all(|line| line.ends_with(" 0")), "nothing was dropped");
    assert!(webhook.has_metric("tracestamp_connections_accepted_total 1").await, "one connection served them all");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_allowed_without_a_patch_and_counted() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let body = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "u", "operation": "CREATE", "kind": {"group": "tekton.dev", "version": "v1", "kind": "TaskRun"},
        "object": {"metadata": ["no", "object"]}}});
    let answer = webhook.client().post(format!("{}/stamp", webhook.url)).body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["response"], json!({"uid": "u", "allowed": true}));
    let counted =
        r#"tracestamp_reviews_total{webhook="stamp",kind="TaskRun",operation="CREATE",outcome="unreadable"} 1"#;
    assert!(webhook.has_metric(counted).await);
}
