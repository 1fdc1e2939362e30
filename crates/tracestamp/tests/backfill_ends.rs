//! `tracestamp backfill` against an API server that does not end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Serves pages of PipelineRuns; `token` gives what the n-th says of the next one, `None` no page at all.
async fn api_server(token: fn(usize) -> Option<String>) -> (SocketAddr, Arc<AtomicUsize>) {
    let pages = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::clone(&pages);
    let router = Router::new().fallback(async move |uri: Uri| {
        if !uri.path().ends_with("/pipelineruns") {
            return page("", &json!([]));
        }
        let page_number = served.fetch_add(1, Ordering::Relaxed);
        match token(page_number) {
            Some(token) => {
                page(&token, &json!([{"metadata": {"name": format!("run-{page_number}"), "namespace": "ci"}}]))
            }
            None => pending().await,
        }
    });
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    (address, pages)
}

fn page(token: &str, items: &Value) -> String {
    let metadata = json!({"resourceVersion": "1", "continue": token});
    json!({"kind": "PipelineRunList", "apiVersion": "tekton.dev/v1", "metadata": metadata, "items": items}).to_string()
}

async fn backfill(address: SocketAddr, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("config");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}], "users": [{"name": "c", "user": {}}]});
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracestamp"));
    command
        .args(["backfill", "--dry-run", "--kubeconfig"])
        .arg(kubeconfig)
        .args(arguments)
        .env("TMPDIR", directory.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    // Generous: that it ends is what is tested.
    tokio::time::timeout(Duration::from_mins(1), command.output()).await.expect("backfill does not end").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lead_in_a_circle_end_it() {
    let always_the_same = |_| Some("again".to_owned());
    let of_three = |number: usize| Some(format!("token-{}", number % 3));
    for (token, expected) in [(always_the_same as fn(usize) -> _, 2), (of_three, 4)] {
        let (address, pages) = api_server(token).await;
        let output = backfill(address, &["--namespace", "ci", "--within", "10m"]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains("continue token twice for pipelineruns of ci"), "{said}");
        assert_eq!(pages.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_takes_more_than_the_time_given_ends_it() {
    let never_the_same = |number: usize| Some(format!("token-{number}"));
    let no_answer = |_| None;
    for token in [never_the_same as fn(usize) -> _, no_answer] {
        let (address, _) = api_server(token).await;
        let output = backfill(address, &["--namespace", "ci", "--within", "1s"]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains("within 1 s (--within)") && said.contains("nothing was sent"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_end_are_all_listed() {
    let three = |number: usize| Some(if number < 2 { format!("token-{number}") } else { String::new() });
    let (address, pages) = api_server(three).await;
    let output = backfill(address, &["--namespace", "ci"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("3 objects of 1 namespaces"), "{said}");
    assert_eq!(pages.load(Ordering::Relaxed), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_would_lead_elsewhere_is_refused() {
    let (address, pages) = api_server(|_| Some(String::new())).await;
    for name in ["../ci", "..", "a/b", "a?b", "a#b", "%2e", "", "A"] {
        let output = backfill(address, &["--namespace", name]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("--namespace"), "{name}: {said}");
    }
    assert_eq!(pages.load(Ordering::Relaxed), 0);
}
