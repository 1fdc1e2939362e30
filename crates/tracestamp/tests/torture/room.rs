//! The two processes and the directory between them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::sleep;

pub(crate) struct Room {
    directory: TempDir,
    port: u16,
    endpoint: String,
    webhook: Option<Child>,
    exporter: Option<Child>,
}

impl Room {
    pub(crate) fn new(endpoint: &str) -> Self {
        static BUILT: Once = Once::new();
        BUILT.call_once(build);
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("spool")).unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(directory.path().join("tls.crt"), issued.cert.pem()).unwrap();
        std::fs::write(directory.path().join("tls.key"), issued.signing_key.serialize_pem()).unwrap();
        Self { directory, port: free_port(), endpoint: endpoint.to_owned(), webhook: None, exporter: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/observe?timeout=10s", self.port)
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        let pem = std::fs::read(self.directory.path().join("tls.crt")).unwrap();
        let ca = reqwest::Certificate::from_pem(&pem).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
        builder.timeout(Duration::from_secs(10)).build().unwrap()
    }

    pub(crate) async fn start_webhook(&mut self) {
        let mut command = self.webhook();
        self.webhook = Some(self.logged(&mut command, "tracestamp-webhook").spawn().unwrap());
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.listens().await {
            assert!(Instant::now() < deadline, "the webhook does not start; {}", self.log("tracestamp-webhook"));
            sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn listens(&self) -> bool {
        tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }

    pub(crate) fn webhook(&self) -> Command {
        let mut command = self.command("tracestamp-webhook");
        command
            .args(["--address", &format!("127.0.0.1:{}", self.port), "--admin-address", "127.0.0.1:0"])
            .arg("--tls-certificate")
            .arg(self.directory.path().join("tls.crt"))
            .arg("--tls-key")
            .arg(self.directory.path().join("tls.key"))
            // An answer then means a write that returned; small segments, so that they roll often.
            .args(["--append-timeout", "10s", "--drain-delay", "0s", "--spool-segment-bytes", "64Ki"]);
        command
    }

    pub(crate) fn start_exporter(&mut self) {
        let mut command = self.exporter();
        self.exporter = Some(self.logged(&mut command, "tracestamp-exporter").spawn().unwrap());
    }

    pub(crate) fn exporter(&self) -> Command {
        let mut command = self.command("tracestamp-exporter");
        command.args(["--admin-address", "127.0.0.1:0", "--poll-interval", "10ms", "--drain-timeout", "60s"]);
        command
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn kill_webhook(&mut self) {
        kill(self.webhook.take());
    }

    pub(crate) fn kill_exporter(&mut self) {
        kill(self.exporter.take());
    }

    pub(crate) async fn end_webhook(&mut self) {
        end(self.webhook.take()).await;
    }

    pub(crate) async fn end_exporter(&mut self) {
        end(self.exporter.take()).await;
    }

    /// Bytes in the spool that were not delivered.
    pub(crate) fn waiting(&self) -> u64 {
        tracestamp_spool::Reader::open(self.spool()).unwrap().stats().unwrap().bytes
    }

    /// Says where everything is, and leaves it there.
    pub(crate) fn keep(&mut self) -> String {
        self.directory.disable_cleanup(true);
        self.directory.path().display().to_string()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(beside(name));
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .arg("--spool-dir")
            .arg(self.spool());
        command
    }

    fn logged<'a>(&self, command: &'a mut Command, name: &str) -> &'a mut Command {
        let log = File::options().create(true).append(true).open(self.log_of(name)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log)
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_of(name)).unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.kill_webhook();
        self.kill_exporter();
    }
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_tracestamp")).with_file_name(name)
}

/// Cargo builds only the binaries of the crate under test.
fn build() {
    let target = beside("").parent().unwrap().to_owned();
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--package=tracestamp-webhook", "--package=tracestamp-exporter", "--target-dir"])
        .arg(target)
        .status()
        .unwrap();
    assert!(status.success());
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn kill(child: Option<Child>) {
    if let Some(mut child) = child {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

async fn end(child: Option<Child>) {
    let Some(mut child) = child else { return };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        sleep(Duration::from_millis(10)).await;
    }
}
