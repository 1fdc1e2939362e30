//! The admin port as the kubelet and Prometheus see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracestamp_runtime::admin::{self, Readiness};
use tracestamp_runtime::metrics;

async fn get(url: String) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn ready_means_that_every_named_check_holds_and_live_does_not_depend_on_it() {
    tracestamp_runtime::install_crypto_provider();
    let listener = admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let readiness = Readiness::default();
    let (one, two) = (readiness.check("one"), readiness.check("two"));
    admin::serve(listener, metrics::registry("test", "1.2.3"), readiness).unwrap();

    one.set(true, "fine");
    let (status, body) = get(format!("{url}/ready")).await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["checks"]["one"], serde_json::json!({"ready": true, "detail": "fine"}));
    assert_eq!(body["checks"]["two"]["ready"], false);
    assert_eq!(get(format!("{url}/live")).await.0, 200);

    two.set(true, "fine");
    assert_eq!(get(format!("{url}/ready")).await.0, 200);
    two.set(false, "gone");
    assert_eq!(get(format!("{url}/ready")).await.0, 503);

    let (status, metrics) = get(format!("{url}/metrics")).await;
    assert_eq!(status, 200);
    assert!(metrics.contains(r#"tracestamp_build_info{process="test",version="1.2.3"} 1"#), "{metrics}");
}

/// Connections that the admin port keeps open; what it accepts of a header is less than this many KiB.
const CONNECTIONS: usize = 128;
const HEADER_KIB: usize = 64;

async fn serve() -> SocketAddr {
    tracestamp_runtime::install_crypto_provider();
    let listener = admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    admin::serve(listener, metrics::registry("test", "1.2.3"), Readiness::default()).unwrap();
    address
}

async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed before all of it was written.
    let _ = stream.write_all(bytes).await;
    stream
}

async fn all(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = tokio::time::timeout(Duration::from_mins(2), stream.read_to_end(&mut text)).await.expect("it is closed");
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn silent_connections_are_closed_when_they_are_too_many_or_too_old_and_keep_nobody_out() {
    let address = serve().await;
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS {
        silent.push(send(address, b"").await);
        silent.push(send(address, b"GET /live HTTP/1.1\r\nx: ").await);
        assert_eq!(get(format!("http://{address}/ready")).await.0, 200);
    }
    for stream in silent {
        let text = all(stream).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408 "), "{text}");
    }
}

#[tokio::test]
async fn a_header_that_does_not_end_is_refused_before_it_costs_memory() {
    let address = serve().await;
    let header = format!("GET /live HTTP/1.1\r\nhost: a\r\nx: {}", "a".repeat(HEADER_KIB << 10));
    let text = all(send(address, header.as_bytes()).await).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431 "), "{text}");
}

#[tokio::test]
async fn a_connection_is_for_one_request() {
    let address = serve().await;
    let text = all(send(address, &b"GET /live HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100)).await).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ready_is_answered_while_every_other_thread_is_busy() {
    let address = serve().await;
    let (answered, wait) = mpsc::channel::<()>();
    let blocked = tokio::spawn(async move { wait.recv().is_ok() });
    let asking = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET /ready HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut start = [0; 12];
        let read = stream.read_exact(&mut start);
        drop(answered);
        read.map(|()| start)
    });
    // Blocks this thread too: nothing else is left to answer.
    let start = asking.join().unwrap();
    assert_eq!(&start.expect("an answer"), b"HTTP/1.1 200");
    assert!(!blocked.await.unwrap());
}
