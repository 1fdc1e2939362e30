//! Records what the API server sends: a webhook that is registered for both phases without filters, patches nothing
//! and writes every review down.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::registration::Registration;
use crate::scenario::Scenario;
use crate::serve;
use crate::shared::Shared;

const NAME: &str = "tracestamp-recorder";

/// A line of a recording.
#[derive(Serialize)]
struct Line<'a> {
    received_unix_nano: i128,
    phase: &'a str,
    review: &'a RawValue,
}

/// One call, or the end.
type Call = Option<(String, Timestamp, Bytes)>;

/// Plays `scenario` and writes every review of its namespace to `out`. Gives their number.
pub(crate) fn record(shared: &Shared, scenario: &str, out: &Path) -> Result<usize> {
    let scenario = Scenario::load(scenario)?;
    let (sender, calls) = mpsc::channel::<Call>();
    let router = Router::new()
        .route("/{phase}", post(answer))
        // What the API server accepts, twice: as object and as oldObject.
        .layer(DefaultBodyLimit::max(7 << 20))
        .with_state(sender.clone());
    let address = serve::https(router, &shared.certificate, &shared.key)?;
    // Of this recording alone: the namespace of the one before is still being emptied.
    let instance = shared.unique("recording");
    let namespace = shared.namespace("record", &[(NAME, &instance)])?;
    let configurations = configurations(&instance, address, &fs::read(&shared.ca)?);
    let registration = Registration::create(&shared.kubectl, &instance, configurations)?;
    let lines = create(out)?;
    let writer = thread::spawn(move || write(&calls, lines));
    let played = scenario.play(&namespace);
    // The kubelet's last words about a Pod come a second or two after its run has ended.
    thread::sleep(Duration::from_secs(4));
    drop(registration);
    sender.send(None)?;
    let count = writer.join().map_err(|_| anyhow!("the writer panicked"))??;
    played.map(|_| count)
}

fn write(calls: &Receiver<Call>, mut lines: Box<dyn Write>) -> Result<usize> {
    let mut count = 0;
    while let Ok(Some((phase, received, body))) = calls.recv() {
        let review = serde_json::from_slice(&body)?;
        let received_unix_nano = received.as_nanosecond();
        serde_json::to_writer(&mut lines, &Line { received_unix_nano, phase: &phase, review })?;
        lines.write_all(b"\n")?;
        count += 1;
    }
    lines.flush()?;
    Ok(count)
}

fn create(out: &Path) -> Result<Box<dyn Write + Send>> {
    let file = File::create(out).with_context(|| out.display().to_string())?;
    if out.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(zstd::Encoder::new(file, 19)?.auto_finish()));
    }
    Ok(Box::new(BufWriter::new(file)))
}

async fn answer(State(calls): State<Sender<Call>>, UrlPath(phase): UrlPath<String>, body: Bytes) -> impl IntoResponse {
    #[derive(Deserialize)]
    struct Review<'a> {
        #[serde(borrow)]
        request: Request<'a>,
    }
    #[derive(Deserialize)]
    struct Request<'a> {
        uid: &'a str,
    }
    let received = Timestamp::now();
    let uid =
        serde_json::from_slice::<Review<'_>>(&body).map(|review| review.request.uid.to_owned()).unwrap_or_default();
    let _ = calls.send(Some((phase, received, body)));
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": true},
    });
    ([(CONTENT_TYPE, "application/json")], answer.to_string())
}

/// Everything that Tekton, Pods and their owners do in a namespace so labelled; no Secret and no ConfigMap, because
/// recordings are shown to others.
fn configurations(instance: &str, address: SocketAddr, ca: &[u8]) -> [Value; 2] {
    let rule = |groups: &[&str], resources: &[&str]| {
        json!({
            "apiGroups": groups, "apiVersions": ["*"], "resources": resources, "scope": "Namespaced",
            "operations": ["CREATE", "UPDATE", "DELETE"],
        })
    };
    let rules = [
        rule(&["tekton.dev"], &["*/*"]),
        rule(&[""], &["pods", "pods/status", "pods/ephemeralcontainers", "pods/resize"]),
        rule(&["", "events.k8s.io"], &["events"]),
        rule(&["apps", "batch"], &["*/*"]),
    ];
    ["Mutating", "Validating"].map(|kind| {
        let phase = kind.to_lowercase();
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": format!("{kind}WebhookConfiguration"),
            "metadata": {"name": instance},
            "webhooks": [{
                "name": format!("{phase}.recorder.tracestamp.dev"),
                "clientConfig": {"url": format!("https://{address}/{phase}"), "caBundle": STANDARD.encode(ca)},
                "rules": rules,
                "namespaceSelector": {"matchLabels": {NAME: instance}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "timeoutSeconds": 5,
            }],
        })
    })
}
