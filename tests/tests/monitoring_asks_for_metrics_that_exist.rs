//! The alert rules and the dashboard of `manifests/components/monitoring`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use reqwest::Certificate;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tracestamp_tests::{Kubectl, Shared, Tracestamp, poll, shared};

const ODD: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
    "metadata": {"name": "odd", "annotations": {"traceparent": "no traceparent"}},
    "spec": {"taskSpec": {"steps": [{"name": "one", "image": "test.local/busybox:1", "command": ["true"]}]}}
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_query_is_promql_and_names_metrics_that_the_processes_tell() {
    let Some(shared) = shared() else { return };
    let queries = block_in_place(|| [alerts(&shared.kubectl), panels()].concat());
    let known = block_in_place(|| names_told(&shared));
    assert!(queries.len() > 30, "{queries:?}");

    for query in queries {
        // Grafana's own variable, which is a duration when the query is made.
        let parsed = promql_parser::parser::parse(&query.replace("$__rate_interval", "5m"));
        assert!(parsed.is_ok(), "{query}: {parsed:?}");
        let ours = names(&query);
        for name in &ours {
            assert!(known.contains(name), "{name} of {query} is none of {known:#?}");
        }
        assert!(!ours.is_empty() || query.contains("apiserver_admission_webhook_fail_open_count"), "{query}");
    }
}

/// By both processes, once each of those that appear with their first event has had one: reviews, an oddity, a handshake
/// and a request that are none, a delivery that fails.
fn names_told(shared: &Shared) -> BTreeSet<String> {
    let nowhere = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let tracestamp = Tracestamp::with_settings(shared, &nowhere).unwrap();
    let namespace = tracestamp.namespace("monitoring").unwrap();
    TcpStream::connect(("127.0.0.1", tracestamp.port())).unwrap().write_all(b"no handshake\r\n\r\n").unwrap();
    let ca = Certificate::from_pem(&fs::read(&shared.ca).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
    let request = client.post(format!("https://127.0.0.1:{}/stamp", tracestamp.port())).body("no review").send();
    assert_eq!(Handle::current().block_on(request).unwrap().status(), 400);
    namespace.kubectl.create(ODD).unwrap();
    let all = || {
        let mut names = tracestamp.metrics().unwrap().names();
        names.extend(tracestamp.exporter_metrics().unwrap().names());
        names
    };
    poll("a delivery that failed", Duration::from_mins(1), || {
        let names = all();
        Ok(names.contains("tracestamp_backend_errors_total").then_some(names))
    })
    .unwrap()
}

fn component() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/components/monitoring")
}

fn alerts(kubectl: &Kubectl) -> Vec<String> {
    let file = component().join("alerts.yaml");
    // Without asking the API server, which need not know the kind.
    let rules =
        kubectl.run(&["patch", "--local", "-o", "json", "--patch={}", "--type=merge", "-f", file.to_str().unwrap()]);
    let rules: Value = serde_json::from_str(&rules.unwrap()).unwrap();
    let rules = rules["spec"]["groups"][0]["rules"].as_array().unwrap();
    rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect()
}

fn panels() -> Vec<String> {
    let dashboard: Value = serde_json::from_slice(&fs::read(component().join("dashboard.json")).unwrap()).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned();
        targets.unwrap_or_default().into_iter().map(|target| target["expr"].as_str().unwrap().to_owned())
    });
    targets.collect()
}

/// Every word of the query that begins as our metrics do.
fn names(query: &str) -> Vec<String> {
    let words = query.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("tracestamp_")).map(str::to_owned).collect()
}
