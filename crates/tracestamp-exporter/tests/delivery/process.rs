//! The program itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::bench::{Bench, until};
use crate::receiver::{Answer, Receiver};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracestamp-exporter"));
    command.env_clear().stderr(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn a_wrong_setting_ends_the_program_at_once_with_a_message_that_names_it() {
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://somewhere"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "smoke"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "perhaps"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.crt"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/dev/null"),
        ("OTEL_RESOURCE_ATTRIBUTES", "no-value"),
        ("TRACESTAMP_HEADERS_FILE", "/nowhere/headers"),
        ("TRACESTAMP_POLL_INTERVAL", "1"),
        ("TRACESTAMP_POLL_INTERVAL", "0s"),
        ("TRACESTAMP_RELOAD_INTERVAL", "0ms"),
        ("TRACESTAMP_DRAIN_TIMEOUT", "20"),
        ("TRACESTAMP_MAX_REQUEST_BYTES", "0"),
        ("TRACESTAMP_OWN_TRACES", "perhaps"),
    ] {
        let dir = tempfile::TempDir::new().unwrap();
        let mut command = program();
        command.arg("--spool-dir").arg(dir.path()).envs([on, (variable, value)]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {text}");
        // clap names the flag of what it checks itself.
        let flag = variable.trim_start_matches("TRACESTAMP_").to_lowercase().replace('_', "-");
        assert!(text.contains(variable) || text.contains(&format!("--{flag}")), "{variable}={value}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_ready_counts_empties_the_spool_on_sigterm_and_leaves_with_0() {
    let (bench, receiver, port) = (Bench::new(), Receiver::default(), free_port());
    bench.record(&["a"]);
    let mut child = program()
        .arg("--spool-dir")
        .arg(bench.dir.path())
        .args(["--admin-address", &format!("127.0.0.1:{port}"), "--poll-interval", "10ms"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", receiver.serve_grpc().await))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_RESOURCE_ATTRIBUTES", "k8s.cluster.name=east,service.name=ignored")
        .spawn()
        .unwrap();
    until(|| get(port, "/ready").is_some_and(|text| text.starts_with("HTTP/1.1 200"))).await;
    until(|| get(port, "/metrics").is_some_and(|text| text.contains("tracestamp_spans_delivered_total 1"))).await;
    bench.record(&["b"]);
    terminate(&child);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(receiver.names(), ["a", "b"]);
    let resource = format!("{:?}", receiver.received()[0].message.resource_spans[0].resource);
    assert!(resource.contains("east") && resource.contains("tekton") && !resource.contains("ignored"), "{resource}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_the_program_is_ready_and_says_so_once() {
    let (bench, port) = (Bench::new(), free_port());
    let child = program()
        .arg("--spool-dir")
        .arg(bench.dir.path())
        .args(["--admin-address", &format!("127.0.0.1:{port}"), "--poll-interval", "1ms", "--reload-interval", "1ms"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        .spawn()
        .unwrap();
    until(|| get(port, "/ready").is_some_and(|text| text.starts_with("HTTP/1.1 200"))).await;
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap().matches("tracing is off").count(), 1);
}

/// The log until the process has delivered what was there.
async fn log_of(format: &str, answer: Answer) -> String {
    let (bench, receiver, port) = (Bench::new(), Receiver::new([answer]), free_port());
    bench.record(&["a"]);
    let child = program()
        .arg("--spool-dir")
        .arg(bench.dir.path())
        .args(["--admin-address", &format!("127.0.0.1:{port}"), "--log-format", format, "--log-level", "trace"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}?key=s3cr3t", receiver.serve_http().await))
        .spawn()
        .unwrap();
    until(|| !receiver.received().is_empty()).await;
    until(|| get(port, "/metrics").is_some_and(|text| text.contains("tracestamp_deliveries_total{"))).await;
    terminate(&child);
    String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_backend_is_a_field_of_its_own_on_a_line_of_ours() {
    const FORGED: &str = "all is well\r\n2026-11-25T08:00:00Z  INFO tracestamp_exporter: FORGED";
    for format in ["text", "json"] {
        let log = log_of(format, Answer::PartialWith(FORGED)).await;
        let line = log.lines().find(|line| line.contains("all is well")).unwrap_or_else(|| panic!("{format}: {log}"));
        assert!(line.contains("FORGED") && line.contains("The receiver threw spans away."), "{format}: {log}");
        if format == "json" {
            let event: std::collections::HashMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(event["message"], "The receiver threw spans away.");
            assert!(event["backend_message"].as_str().unwrap().starts_with("all is well\u{fffd}\u{fffd}"), "{log}");
            assert_eq!(line.matches("\"message\":").count(), 1, "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_backend_redirects_to_is_not_logged() {
    for format in ["text", "json"] {
        let log = log_of(format, Answer::Http(308, &[("location", "https://user:s3cr3t@elsewhere/?key=s3cr3t")])).await;
        assert!(log.contains("308") && !log.contains("s3cr3t"), "{log}");
    }
}
