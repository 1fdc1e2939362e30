use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::channel::Channel;

use crate::webhook::{ENDPOINT, Webhook, allowed, completed, created};

async fn post(webhook: &Webhook, client: &reqwest::Client, path: &str, body: String) -> reqwest::Response {
    client.post(format!("{}{path}", webhook.url)).body(body).send().await.unwrap()
}

#[tokio::test]
async fn a_run_is_stamped_when_created_and_recorded_when_completed() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    let stamp = allowed(post(&webhook, &client, "/stamp?timeout=2s", created(0)).await).await;
    assert_eq!(stamp["patchType"], "JSONPatch");
    let observe = allowed(post(&webhook, &client, "/observe?timeout=1s", completed()).await).await;
    assert!(observe.get("patch").is_none());

    assert!(webhook.has_metric(r#"tracestamp_spans_recorded_total{span="pipeline_run"} 1"#).await);
    let segments: Vec<_> = fs::read_dir(webhook.directory.path().join("spool")).unwrap().collect();
    assert_eq!(segments.len(), 1, "one segment holds what was recorded");
}

#[tokio::test]
async fn a_line_of_the_log_names_the_object_and_its_trace_and_tells_no_contents() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    let stamp = allowed(post(&webhook, &client, "/stamp?timeout=2s", created(0)).await).await;
    allowed(post(&webhook, &client, "/observe?timeout=1s", completed()).await).await;
    webhook
        .until("logged", async || webhook.event("Reviewed.").is_some() && webhook.event("Observed.").is_some())
        .await;

    let [stamped, observed] = ["Reviewed.", "Observed."].map(|message| webhook.event(message).unwrap());
    assert_eq!((&stamped["level"], &stamped["outcome"]), (&"DEBUG".into(), &"stamped".into()));
    assert_eq!((&observed["level"], &observed["outcome"]), (&"INFO".into(), &"recorded".into()));
    assert_eq!(observed["spans"], 2, "{observed}");
    for event in [&stamped, &observed] {
        assert_eq!(event["kind"], "PipelineRun", "{event}");
        assert_eq!(event["namespace"], "team", "{event}");
        assert_eq!(event["name"], "build", "{event}");
    }
    let patch = String::from_utf8(STANDARD.decode(stamp["patch"].as_str().unwrap()).unwrap()).unwrap();
    let trace_id = |event: &serde_json::Value| event["trace_id"].as_str().unwrap().to_owned();
    assert!(patch.contains(&format!("00-{}-", trace_id(&stamped))), "{patch} has another trace than {stamped}");
    assert_eq!(trace_id(&observed).len(), 32, "{observed}");
    assert!(!webhook.log().contains("s3cr3t"), "a parameter is in the log");
}

#[tokio::test]
async fn garbage_gets_400_and_the_connection_serves_on() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    assert_eq!(post(&webhook, &client, "/stamp", "garbage".to_owned()).await.status(), 400);
    allowed(post(&webhook, &client, "/stamp", created(0)).await).await;
    assert!(webhook.has_metric("tracestamp_connections_accepted_total 1").await);
}

#[tokio::test]
async fn a_review_as_large_as_the_api_server_sends_is_answered_and_a_larger_one_gets_413() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    let largest = created((7 << 20) - created(0).len());
    assert_eq!(largest.len(), 7 << 20);
    allowed(post(&webhook, &client, "/stamp?timeout=30s", largest).await).await;

    // The server may close before it has read all: then the client sees that, or the answer.
    let larger = client.post(format!("{}/stamp", webhook.url)).body(created(7 << 20)).send().await;
    assert!(larger.is_err() || larger.unwrap().status() == 413);
    webhook
        .until("counted", async || webhook.has_metric(r#"tracestamp_bad_requests_total{reason="too_large"} 1"#).await)
        .await;
}

#[tokio::test]
async fn an_idle_connection_is_used_again() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let client = webhook.client();
    allowed(post(&webhook, &client, "/stamp", created(0)).await).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    allowed(post(&webhook, &client, "/stamp", created(0)).await).await;
    assert!(webhook.has_metric("tracestamp_connections_accepted_total 1").await);
}

#[tokio::test]
async fn half_a_body_does_not_hold_its_slot_for_ever() {
    let webhook = Webhook::start(&[ENDPOINT, "--max-connections=1"]).await;
    let (mut sender, body) = Channel::<bytes::Bytes>::new(2);
    sender.send_data(created(0).split_off(40).into()).await.unwrap();
    let url = format!("{}/observe?timeout=200ms", webhook.url);
    let half = webhook.client().post(url).body(reqwest::Body::wrap(body)).send().await.unwrap();
    assert_eq!(half.status(), 408);
    webhook.until("the slot is free", async || webhook.has_metric("tracestamp_connections 0").await).await;
    allowed(post(&webhook, &webhook.client(), "/stamp", created(0)).await).await;
}

#[tokio::test]
async fn a_full_spool_costs_no_answer_and_is_counted() {
    let webhook = Webhook::start(&[ENDPOINT, "--spool-max-bytes=1"]).await;
    let client = webhook.client();
    allowed(post(&webhook, &client, "/observe", completed()).await).await;
    allowed(post(&webhook, &client, "/observe", completed()).await).await;
    let metrics = webhook.admin("/metrics").await.1;
    assert!(!metrics.contains(r#"tracestamp_spans_dropped_total{reason="full"} 0"#), "{metrics}");
    assert_eq!(webhook.log().matches("Dropping spans").count(), 1, "it is said once");
}

#[tokio::test]
async fn tracing_is_off_without_an_endpoint_and_follows_the_endpoint_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let webhook = Webhook::start(&["--endpoint-file", file.path().to_str().unwrap()]).await;
    let client = webhook.client();
    let stamps = async || allowed(post(&webhook, &client, "/stamp", created(0)).await).await.get("patch").is_some();
    assert!(!stamps().await);
    assert!(webhook.has_metric("tracestamp_tracing_enabled 0").await);
    assert!(webhook.log().contains("Tracing is off"));
    allowed(post(&webhook, &client, "/observe", completed()).await).await;
    assert_eq!(fs::read_dir(webhook.directory.path().join("spool")).unwrap().count(), 0, "nothing is stored");

    fs::write(file.path(), "http://collector:4317\n").unwrap();
    webhook.until("tracing is on", stamps).await;
    fs::write(file.path(), "\n").unwrap();
    webhook.until("tracing is off", async || !stamps().await).await;
}
