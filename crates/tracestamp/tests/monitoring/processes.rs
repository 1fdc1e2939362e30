//! Both processes, in the state in which each of their metrics has something to tell.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::series::Series;

/// What each process told.
pub(crate) struct Told {
    pub(crate) webhook: Vec<Series>,
    pub(crate) exporter: Vec<Series>,
}

pub(crate) struct Processes {
    directory: TempDir,
    children: Vec<Child>,
    ports: [u16; 3],
}

impl Processes {
    /// Starts them and gives each metric that appears with its first event one: reviews, an oddity, a span, a handshake
    /// and a request that are none, a delivery that fails.
    pub(crate) async fn tell_everything() -> Told {
        let processes = Self::start();
        let [reviews, ..] = processes.ports;
        processes.until("the webhook is ready", async || TcpStream::connect(("127.0.0.1", reviews)).ok()).await;
        TcpStream::connect(("127.0.0.1", reviews)).unwrap().write_all(b"no handshake\r\n\r\n").unwrap();
        assert_eq!(processes.post("stamp", "no review".to_owned()).await, 400);
        assert_eq!(processes.post("stamp", created()).await, 200);
        assert_eq!(processes.post("observe", completed()).await, 200);
        let [_, webhook, exporter] = processes.ports;
        processes
            .until("each has had its first event", async || {
                let told = Told { webhook: metrics(webhook).await?, exporter: metrics(exporter).await? };
                let all = |series: &[Series], names: &[&str]| {
                    names.iter().all(|name| series.iter().any(|series| series.name == *name))
                };
                let events = ["tracestamp_handshakes_failed_total", "tracestamp_spans_recorded_total"];
                (all(&told.webhook, &events) && all(&told.exporter, &["tracestamp_backend_errors_total"]))
                    .then_some(told)
            })
            .await
    }

    fn start() -> Self {
        build();
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("spool")).unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(directory.path().join("tls.crt"), issued.cert.pem()).unwrap();
        std::fs::write(directory.path().join("tls.key"), issued.signing_key.serialize_pem()).unwrap();
        // All are held until all are known, or the same could come twice.
        let ports = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = ports.map(|held| held.local_addr().unwrap().port());
        let mut processes = Self { directory, children: Vec::new(), ports };
        let [reviews, webhook, exporter] = ports.map(|port| format!("127.0.0.1:{port}"));
        let path = |name: &str| processes.directory.path().join(name).display().to_string();
        let (certificate, key) = (path("tls.crt"), path("tls.key"));
        let tls = ["--tls-certificate", &certificate, "--tls-key", &key, "--address", &reviews];
        processes.run("tracestamp-webhook", &[&tls[..], &["--admin-address", &webhook]].concat());
        processes.run("tracestamp-exporter", &["--admin-address", &exporter, "--poll-interval", "10ms"]);
        processes
    }

    fn run(&mut self, name: &str, flags: &[&str]) {
        let child = Command::new(beside(name))
            .env_clear()
            // Nobody listens there.
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .arg("--spool-dir")
            .arg(self.directory.path().join("spool"))
            .args(flags)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.directory.path().join(name)).unwrap())
            .spawn();
        self.children.push(child.unwrap());
    }

    async fn post(&self, webhook: &str, body: String) -> u16 {
        let pem = std::fs::read(self.directory.path().join("tls.crt")).unwrap();
        let ca = reqwest::Certificate::from_pem(&pem).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        let url = format!("https://localhost:{}/{webhook}?timeout=10s", self.ports[0]);
        client.post(url).body(body).send().await.unwrap().status().as_u16()
    }

    async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            let log = |name: &str| std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "never: {what}; {}{}",
                log("tracestamp-webhook"),
                log("tracestamp-exporter")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn metrics(port: u16) -> Option<Vec<Series>> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.ok()?;
    Some(Series::all(&answer.text().await.ok()?))
}

/// A run whose creator's trace context cannot be read.
fn created() -> String {
    let metadata = json!({"name": "build", "namespace": "team", "annotations": {"traceparent": "none"}});
    let run = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata, "spec": {}});
    review("CREATE", "", &Value::Null, &run)
}

/// A run that ends.
fn completed() -> String {
    let run = |succeeded: &str, completion: Value| {
        json!({
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
            "metadata": {
                "name": "build", "namespace": "team", "uid": "0b9b5b3e-6b7e-4b6b-9b0a-000000000001",
                "creationTimestamp": "2026-11-21T10:00:00Z",
            },
            "spec": {},
            "status": {
                "startTime": "2026-11-21T10:00:01Z", "completionTime": completion,
                "conditions": [{"type": "Succeeded", "status": succeeded, "reason": "Succeeded"}],
            },
        })
    };
    review("UPDATE", "status", &run("Unknown", Value::Null), &run("True", "2026-11-21T10:00:09Z".into()))
}

fn review(operation: &str, subresource: &str, old: &Value, new: &Value) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": operation, "subResource": subresource,
            "kind": {"group": "tekton.dev", "version": "v1", "kind": "PipelineRun"},
            "namespace": "team", "name": "build", "object": new, "oldObject": old,
        },
    })
    .to_string()
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_tracestamp")).with_file_name(name)
}

/// Cargo builds only the binaries of the crate under test.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = beside("").parent().unwrap().to_owned();
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--package=tracestamp-webhook", "--package=tracestamp-exporter"])
            .arg("--target-dir")
            .arg(target)
            .status();
        assert!(status.unwrap().success());
    });
}
