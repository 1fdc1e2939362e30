use serde_json::json;

use crate::webhook::{ENDPOINT, UID, Webhook, allowed};

const FORGED: &str = "x\r\n2026-11-25T08:00:00Z  INFO tracestamp_webhook: FORGED spans=9 \u{1b}[31m\u{9b}\u{202e}";

/// A review of an object of this name, in a namespace of this name.
fn named(name: &str) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": UID, "kind": {"group": "tekton.dev", "version": "v1", "kind": "PipelineRun"},
            "namespace": name, "name": name, "operation": "CREATE",
            "object": {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": name}, "spec": {}},
        }
    })
    .to_string()
}

#[tokio::test]
async fn names_in_the_log_are_cut_and_have_no_control_characters_in_text_and_json() {
    let name = format!("{FORGED}{}", "n".repeat(100_000));
    let webhook = Webhook::start(&[ENDPOINT]).await;
    allowed(webhook.client().post(format!("{}/stamp", webhook.url)).body(named(&name)).send().await.unwrap()).await;
    webhook.until("logged", async || webhook.event("Reviewed.").is_some()).await;
    let event = webhook.event("Reviewed.").unwrap();
    for field in ["name", "namespace"] {
        let shown = event[field].as_str().unwrap();
        assert!(shown.starts_with("x\u{fffd}\u{fffd}2026") && shown.contains("FORGED"), "{shown}");
        assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown}");
        assert!(shown.len() <= 300, "{}", shown.len());
    }
}
