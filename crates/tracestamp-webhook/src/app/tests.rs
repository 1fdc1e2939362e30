use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use clap::Parser;
use http_body_util::channel::Channel;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracestamp_runtime::metrics::Registry;
use tracestamp_spool::{AppendError, Limits, Writer};

use super::*;
use crate::args::Args;
use crate::recorder::Append;

struct Webhook {
    app: Arc<App>,
    registry: Registry,
    _directory: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    body: String,
}

fn webhook(endpoint: &str) -> Webhook {
    let directory = tempfile::tempdir().unwrap();
    let spool = Writer::open(directory.path(), Limits { max_bytes: 1 << 20, segment_bytes: 1 << 16 }).unwrap();
    webhook_on(spool, endpoint, directory)
}

fn webhook_on(spool: impl Append, endpoint: &str, directory: tempfile::TempDir) -> Webhook {
    let args = ["webhook", "--tls-certificate=x", "--tls-key=x", "--otlp-endpoint", endpoint];
    let Args { switch, stamp, .. } = Args::try_parse_from(args).unwrap();
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let (recorder, _) = Recorder::start(spool, Duration::from_millis(50), metrics.clone()).unwrap();
    let switch = Switch::new(switch, metrics.clone());
    let app =
        App::new(Arc::new(stamp.into_config().unwrap()), switch, recorder, metrics, Bodies::new(64 << 10, 0), None);
    Webhook { app: Arc::new(app), registry, _directory: directory }
}

impl Webhook {
    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(Method::POST).uri(path).body(body.into()).unwrap();
        let response = Arc::clone(&self.app).router().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

impl Answer {
    /// The patch, of an answer that allows the review of this uid.
    fn allowed(&self, uid: &str) -> Option<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        let review: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(review["response"]["uid"], uid);
        assert_eq!(review["response"]["allowed"], true);
        review["response"]["patch"].as_str().map(str::to_owned)
    }
}

fn run(status: &Value) -> Value {
    json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": "build", "namespace": "team", "uid": "0b9b5b3e-6b7e-4b6b-9b0a-000000000001",
            "creationTimestamp": "2026-11-21T10:00:00Z"
        },
        "spec": {"pipelineRef": {"name": "build"}},
        "status": status,
    })
}

fn review(operation: &str, old: &Value, new: &Value) -> String {
    let sub_resource = if operation == "UPDATE" { "status" } else { "" };
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "the-uid",
            "kind": {"group": "tekton.dev", "version": "v1", "kind": "PipelineRun"},
            "subResource": sub_resource, "namespace": "team", "name": "build", "operation": operation,
            "object": new, "oldObject": old,
        }
    })
    .to_string()
}

fn created() -> String {
    let mut object = run(&Value::Null);
    object["metadata"] = json!({"name": "build", "namespace": "team"});
    review("CREATE", &Value::Null, &object)
}

fn completed() -> String {
    let status = |succeeded: &str, completion: Value| {
        json!({
            "startTime": "2026-11-21T10:00:01Z", "completionTime": completion,
            "conditions": [{"type": "Succeeded", "status": succeeded, "reason": "Succeeded"}],
        })
    };
    review("UPDATE", &run(&status("Unknown", Value::Null)), &run(&status("True", "2026-11-21T10:00:09Z".into())))
}

#[tokio::test]
async fn a_root_is_stamped_and_its_end_is_recorded_before_the_answer() {
    let webhook = webhook("http://collector:4317");
    assert!(webhook.post("/stamp?timeout=2s", created()).await.allowed("the-uid").is_some());
    assert!(webhook.post("/observe?timeout=1s", completed()).await.allowed("the-uid").is_none());
    let metrics = webhook.metrics();
    for line in [
        r#"reviews_total{webhook="stamp",kind="PipelineRun",operation="CREATE",outcome="stamped"} 1"#,
        r#"reviews_total{webhook="observe",kind="PipelineRun",operation="UPDATE",outcome="recorded"} 1"#,
        "patches_total 1",
        r#"spans_recorded_total{span="pipeline_run"} 1"#,
        r#"review_duration_seconds_count{webhook="stamp"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn without_an_endpoint_reviews_are_allowed_and_nothing_is_stamped_or_stored() {
    let webhook = webhook("");
    assert_eq!(webhook.post("/stamp", created()).await.allowed("the-uid"), None);
    assert_eq!(webhook.post("/observe", completed()).await.allowed("the-uid"), None);
    assert!(!webhook.metrics().contains("spans_recorded_total{"));
    assert!(webhook.metrics().contains("tracing_enabled 0"));
    assert_eq!(webhook.post("/observe", "garbage").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_no_review_gets_400_with_the_reason() {
    let webhook = webhook("http://collector:4317");
    for body in ["", "garbage", "{}", r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#] {
        let answer = webhook.post("/stamp", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.body.contains("no AdmissionReview of admission.k8s.io/v1"), "{}", answer.body);
    }
    assert!(webhook.metrics().contains(r#"bad_requests_total{reason="not_a_review"} 4"#));
}

#[tokio::test]
async fn a_decision_that_panics_is_allowed_without_a_patch_and_counted() {
    let mut webhook = webhook("http://collector:4317");
    Arc::get_mut(&mut webhook.app).unwrap().decide = |_, _, _, _, _| panic!("a fault of ours");
    assert_eq!(webhook.post("/stamp", created()).await.allowed("the-uid"), None);
    assert!(webhook.metrics().contains("panics_total 1"));
    assert!(webhook.metrics().contains(r#"outcome="panic"} 1"#));
}

#[tokio::test]
async fn a_review_that_comes_too_late_to_be_decided_is_allowed_without_a_patch() {
    let webhook = webhook("http://collector:4317");
    assert_eq!(webhook.post("/stamp?timeout=0s", created()).await.allowed("the-uid"), None);
    assert!(webhook.metrics().contains(r#"outcome="late"} 1"#));
}

#[tokio::test]
async fn a_body_past_the_limit_gets_413_announced_or_not() {
    let webhook = webhook("http://collector:4317");
    let large = vec![b' '; (64 << 10) + 1];
    assert_eq!(webhook.post("/observe", large.clone()).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let (mut sender, body) = Channel::<Bytes>::new(2);
    sender.send_data(large.into()).await.unwrap();
    drop(sender);
    assert_eq!(webhook.post("/observe", Body::new(body)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(webhook.metrics().contains(r#"bad_requests_total{reason="too_large"} 2"#));
}

#[tokio::test]
async fn half_a_body_is_waited_for_no_longer_than_the_reviews_deadline() {
    let webhook = webhook("http://collector:4317");
    let (mut sender, body) = Channel::<Bytes>::new(2);
    sender.send_data(Bytes::from_static(br#"{"kind":"Admiss"#)).await.unwrap();
    let answer = webhook.post("/observe?timeout=50ms", Body::new(body)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(webhook.metrics().contains(r#"bad_requests_total{reason="too_slow"} 1"#));
}

#[tokio::test]
async fn a_spool_that_takes_nothing_costs_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let full = Writer::open(directory.path(), Limits { max_bytes: 1, segment_bytes: 1 }).unwrap();
    let webhook = webhook_on(full, "http://collector:4317", directory);
    assert_eq!(webhook.post("/observe", completed()).await.allowed("the-uid"), None);
    assert!(!webhook.metrics().contains(r#"spans_dropped_total{reason="full"} 0"#));
}

#[tokio::test]
async fn a_spool_that_hangs_costs_no_answer() {
    struct Hanging(std::sync::mpsc::Receiver<()>);
    impl Append for Hanging {
        fn append(&mut self, _: &[Vec<u8>]) -> Result<(), AppendError> {
            let _ = self.0.recv();
            Ok(())
        }
    }
    let (_never, hang) = std::sync::mpsc::channel();
    let webhook = webhook_on(Hanging(hang), "http://collector:4317", tempfile::tempdir().unwrap());
    for _ in 0..3 {
        assert_eq!(webhook.post("/observe", completed()).await.allowed("the-uid"), None);
    }
    assert!(!webhook.metrics().contains("spans_late_total 0"));
}

/// A webhook that takes reviews of a megabyte, which it decides about by `decide`.
fn webhook_for_large_reviews(decide: Decide) -> Webhook {
    let mut webhook = webhook("http://collector:4317");
    let app = Arc::get_mut(&mut webhook.app).unwrap();
    (app.bodies, app.decide) = (Bodies::new(1 << 20, 1 << 20), decide);
    webhook
}

/// The review, and so much that nobody reads that it has to wait for its turn.
fn large(review: &str) -> String {
    review.replacen('{', &format!(r#"{{"padding":"{}","#, "x".repeat(SMALL)), 1)
}

const AS_IT_IS: Decide =
    |review, endpoint, config, received, entropy| review.decide(endpoint, config, received, entropy);

#[tokio::test]
async fn a_large_review_that_gets_no_turn_before_its_deadline_is_allowed_and_counted() {
    let webhook = webhook_for_large_reviews(AS_IT_IS);
    let others = Arc::clone(&webhook.app.turns).acquire_many_owned(2).await.unwrap();
    assert_eq!(webhook.post("/stamp?timeout=50ms", large(&created())).await.allowed("the-uid"), None);
    assert!(webhook.metrics().contains(r#"outcome="late"} 1"#));
    assert!(webhook.post("/stamp", created()).await.allowed("the-uid").is_some(), "a small one needs no turn");
    drop(others);
    assert!(webhook.post("/stamp", large(&created())).await.allowed("the-uid").is_some());
}

#[tokio::test]
async fn while_a_large_review_is_decided_about_small_ones_are_answered() {
    static DECIDED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let webhook = Arc::new(webhook_for_large_reviews(|review, endpoint, config, received, entropy| {
        if endpoint == Endpoint::Observe {
            // Bounded, so that the test fails rather than hangs.
            for _ in 0..1000 {
                if DECIDED.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        review.decide(endpoint, config, received, entropy)
    }));
    let slow = tokio::spawn({
        let webhook = Arc::clone(&webhook);
        async move { webhook.post("/observe?timeout=30s", large(&completed())).await }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
        assert!(webhook.post("/stamp", created()).await.allowed("the-uid").is_some());
    }
    assert!(!slow.is_finished(), "the thread of the connections decided about it");
    DECIDED.store(true, std::sync::atomic::Ordering::Relaxed);
    slow.await.unwrap().allowed("the-uid");
}

#[tokio::test]
async fn what_a_large_review_told_is_recorded_even_when_it_was_answered_before() {
    let webhook = webhook_for_large_reviews(|review, endpoint, config, received, entropy| {
        std::thread::sleep(Duration::from_millis(300));
        review.decide(endpoint, config, received, entropy)
    });
    webhook.post("/observe?timeout=50ms", large(&completed())).await.allowed("the-uid");
    assert!(webhook.metrics().contains(r#"outcome="late"} 1"#));
    for _ in 0..1000 {
        if webhook.metrics().contains(r#"spans_recorded_total{span="pipeline_run"} 1"#) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never recorded:\n{}", webhook.metrics());
}

#[tokio::test]
async fn only_post_is_served() {
    let webhook = webhook("http://collector:4317");
    let status = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        Arc::clone(&webhook.app).router().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(Method::GET, "/stamp").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status(Method::POST, "/").await, StatusCode::NOT_FOUND);
}
