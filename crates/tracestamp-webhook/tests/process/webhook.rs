use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub(crate) const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";
pub(crate) const ENDPOINT: &str = "--otlp-endpoint=http://collector:4317";

pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) directory: TempDir,
    pub(crate) certificate: String,
    admin: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracestamp-webhook"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A pair in the layout in which the kubelet mounts a Secret; gives the certificate.
pub(crate) fn mount(directory: &Path, generation: &str, broken: bool) -> String {
    let pair = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let good = pair();
    let key = if broken { pair().signing_key } else { good.signing_key };
    fs::create_dir(directory.join(generation)).unwrap();
    fs::write(directory.join(generation).join("tls.crt"), good.cert.pem()).unwrap();
    fs::write(directory.join(generation).join("tls.key"), key.serialize_pem()).unwrap();
    symlink(generation, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        if !directory.join(file).exists() {
            symlink(format!("..data/{file}"), directory.join(file)).unwrap();
        }
    }
    good.cert.pem()
}

/// A client that trusts this certificate alone.
pub(crate) fn client(certificate: &str) -> reqwest::Client {
    tracestamp_runtime::install_crypto_provider();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([root]).http1_only().build().unwrap()
}

impl Webhook {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_as(command(), flags).await
    }

    /// Starts it under a limit of the shell's: `-S -n 64` for files that may be open at first, `-d 524288` for KiB of
    /// memory.
    pub(crate) async fn start_under(limit: &str, flags: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        let limited = format!("ulimit {limit} && exec \"$@\"");
        shell.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_tracestamp-webhook")]);
        shell.env_clear().stdin(Stdio::null()).kill_on_drop(true);
        Self::start_as(shell, flags).await
    }

    async fn start_as(mut command: Command, flags: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let certificate = mount(directory.path(), "..1", false);
        let mut child = command
            .args(["--address=127.0.0.1:0", "--admin-address=127.0.0.1:0", "--reload-interval=50ms"])
            .args(["--log-format=json", "--log-level=debug", "--drain-delay=0s"])
            .arg("--tls-certificate")
            .arg(directory.path().join("tls.crt"))
            .arg("--tls-key")
            .arg(directory.path().join("tls.key"))
            .arg("--spool-dir")
            .arg(directory.path().join("spool"))
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let line =
                lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended: {:?}", log.lock().unwrap()));
            let event: Value = serde_json::from_str(&line).unwrap();
            let of =
                |message: &str| (event["message"] == message).then(|| event["address"].as_str().unwrap().to_owned());
            address = address.or_else(|| of("Serving reviews."));
            admin = admin.or_else(|| of("Serving the admin port."));
            log.lock().unwrap().push(line);
        }
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let port = address.unwrap().rsplit_once(':').unwrap().1.to_owned();
        let admin = format!("http://{}", admin.unwrap());
        let webhook = Self { url: format!("https://localhost:{port}"), directory, certificate, admin, child, log };
        webhook.until("ready", async || webhook.admin("/ready").await.0 == 200).await;
        webhook
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        client(&self.certificate)
    }

    /// Status and text of a path on the admin port.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        tracestamp_runtime::install_crypto_provider();
        let response = reqwest::get(format!("{}{path}", self.admin)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn has_metric(&self, line: &str) -> bool {
        self.admin("/metrics").await.1.lines().any(|found| found == line)
    }

    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..500 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never: {what}\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// The last line of the log with this message.
    pub(crate) fn event(&self, message: &str) -> Option<Value> {
        let log = self.log.lock().unwrap();
        let mut events = log.iter().rev().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["message"] == message)
    }

    /// The most memory that it ever held, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Where /live, /ready and /metrics are, without the scheme.
    pub(crate) fn admin_address(&self) -> &str {
        self.admin.trim_start_matches("http://")
    }

    /// Where reviews are taken.
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub(crate) fn terminate(&self) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}

/// A review of a PipelineRun that is being created, of about `bytes` more than the least.
pub(crate) fn created(bytes: usize) -> String {
    let object = json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": "build", "namespace": "team"},
        "spec": {
            "pipelineRef": {"name": "build"},
            "params": [{"name": "token", "value": "s3cr3t"}, {"name": "padding", "value": "x".repeat(bytes)}],
        },
    });
    review("CREATE", &Value::Null, &object)
}

/// A review of a PipelineRun that completes.
pub(crate) fn completed() -> String {
    let run = |succeeded: &str, completion: Value| {
        json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": {
                "name": "build", "namespace": "team", "uid": "0b9b5b3e-6b7e-4b6b-9b0a-000000000001",
                "creationTimestamp": "2026-11-21T10:00:00Z"
            },
            "spec": {"pipelineRef": {"name": "build"}, "params": [{"name": "token", "value": "s3cr3t"}]},
            "status": {
                "startTime": "2026-11-21T10:00:01Z", "completionTime": completion,
                "conditions": [{"type": "Succeeded", "status": succeeded, "reason": "Succeeded"}],
            },
        })
    };
    review("UPDATE", &run("Unknown", Value::Null), &run("True", "2026-11-21T10:00:09Z".into()))
}

fn review(operation: &str, old: &Value, new: &Value) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": "tekton.dev", "version": "v1", "kind": "PipelineRun"},
            "subResource": if operation == "UPDATE" { "status" } else { "" },
            "namespace": "team", "name": "build", "operation": operation, "object": new, "oldObject": old,
        }
    })
    .to_string()
}

/// The response of an answer that allows.
pub(crate) async fn allowed(answer: reqwest::Response) -> Value {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let review: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(review["kind"], "AdmissionReview");
    assert_eq!(review["response"]["uid"], UID);
    assert_eq!(review["response"]["allowed"], true);
    review["response"].clone()
}
