//! `tracestamp demo` from end to end: three processes, TLS, a spool and OTLP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// This command, with the binaries that it starts built beside it: cargo builds only those of the crate under test.
fn tracestamp() -> Command {
    static BUILT: OnceLock<()> = OnceLock::new();
    let own = Path::new(env!("CARGO_BIN_EXE_tracestamp"));
    BUILT.get_or_init(|| {
        let profile = own.parent().unwrap();
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([
                "build",
                "--quiet",
                "--package=tracestamp-webhook",
                "--package=tracestamp-exporter",
                "--profile",
                name,
            ])
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success());
    });
    Command::new(own)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stderr, &*output.stdout].concat()).into_owned()
}

#[test]
fn the_whole_way_from_recorded_reviews_to_a_trace_and_a_page() {
    let room = tempfile::tempdir().unwrap();
    let output = tracestamp().arg("demo").arg("--out").arg(room.path()).output().unwrap();
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("331 answered, 12 objects stamped"), "{told}");
    assert!(told.contains("31 delivered"), "{told}");
    for row in ["RUN fail", "├─ task build", "│  ├─ attempt 2", "│  └─ step package", "└─ finally"]
    {
        assert!(told.lines().any(|line| line.starts_with(row)), "{row}\n{told}");
    }
    let page = room.path().join("fail.html");
    assert!(told.trim_end().ends_with(&format!("page: {}", page.display())), "{told}");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("data-details=").count(), 31, "rows");
}

#[derive(Clone, Default)]
struct Backend(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Backend {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_endpoint_gets_the_spans() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", incoming.local_addr().unwrap());
    let backend = Backend::default();
    tokio::spawn(Server::builder().add_service(TraceServiceServer::new(backend.clone())).serve_with_incoming(incoming));

    let room = tempfile::tempdir().unwrap();
    let mut demo = tracestamp();
    demo.args(["demo", "timeout", "--endpoint", &endpoint]).arg("--out").arg(room.path());
    demo.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = tokio::task::spawn_blocking(move || demo.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let traces = tracestamp::trace::collect(std::mem::take(&mut *backend.0.lock().unwrap()));
    assert_eq!(traces.iter().map(|trace| trace.rows.len()).collect::<Vec<_>>(), [8], "two of them from Events");
}

#[test]
fn without_the_other_binaries_the_message_says_which_is_missing() {
    let room = tempfile::tempdir().unwrap();
    let alone = room.path().join("tracestamp");
    std::fs::copy(env!("CARGO_BIN_EXE_tracestamp"), &alone).unwrap();
    let output = Command::new(alone).arg("demo").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("tracestamp-exporter is not there"), "{}", told(&output));
}

#[test]
fn a_recording_that_is_none_is_named() {
    let output = tracestamp().args(["demo", "no-such"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("no-such: No such file"), "{}", told(&output));
}
