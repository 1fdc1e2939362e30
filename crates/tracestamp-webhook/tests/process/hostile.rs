use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::channel::{Channel, Sender};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::webhook::{ENDPOINT, Webhook, allowed, created};

/// Half of what the container may have by `manifests/base/deployment.yaml`. A hundred bodies of 7 MiB are far above.
pub(crate) const ENOUGH: usize = 256 << 20;

/// The API server, which had a connection before and makes new ones.
pub(crate) struct ApiServer<'a> {
    webhook: &'a Webhook,
    pooled: reqwest::Client,
}

impl<'a> ApiServer<'a> {
    pub(crate) async fn of(webhook: &'a Webhook) -> Self {
        let server = Self { webhook, pooled: webhook.client() };
        server.calls_go_on().await;
        server
    }

    pub(crate) async fn calls_go_on(&self) {
        for client in [&self.pooled, &self.webhook.client(), &self.webhook.client(), &self.pooled] {
            let url = format!("{}/stamp?timeout=2s", self.webhook.url);
            allowed(client.post(url).body(created(0)).send().await.unwrap()).await;
        }
    }
}

async fn connect(webhook: &Webhook, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", webhook.port())).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Of a TLS handshake, the record's head and a little more.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_keep_the_api_server_out_at_no_time() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let mut idle = Vec::new();
    for number in 0..10_000 {
        idle.push(connect(&webhook, if number % 2 == 0 { b"" } else { HALF_A_HELLO }).await);
        if number % 1000 == 999 {
            server.calls_go_on().await;
        }
    }
    let evicted = |line: &str| line.strip_prefix("tracestamp_connections_evicted_total ")?.parse::<u32>().ok();
    let evicted = webhook.admin("/metrics").await.1.lines().find_map(evicted).unwrap();
    assert!(evicted >= 10_000 - 1024, "{evicted}");
    assert!(webhook.peak_memory() < ENOUGH, "{}", webhook.peak_memory());
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_limit_of_open_files_is_raised_before_connections_need_it() {
    let webhook = Webhook::start_under("-S -n 64", &[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(connect(&webhook, b"").await);
    }
    server.calls_go_on().await;
    assert!(!webhook.log().contains("Accepting a connection failed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_few_files_may_be_open_no_connection_takes_a_descriptor_that_a_review_needs() {
    let webhook = Webhook::start_under("-n 300", &[ENDPOINT]).await;
    assert!(webhook.log().contains("Fewer files may be open than the settings need."));
    let server = ApiServer::of(&webhook).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(webhook.admin_address()).await.unwrap());
        idle.push(connect(&webhook, b"").await);
    }
    server.calls_go_on().await;
    assert_eq!(webhook.admin("/ready").await.0, 200);
    assert!(!webhook.log().contains("Accepting a connection failed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_tls_harm_nobody() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let garbage: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [garbage.as_slice(), b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01\x00\x02", &[0; 1024], &[0xff; 9999]] {
        for _ in 0..20 {
            // The server may have closed before all of it was written.
            let mut stream = TcpStream::connect(("127.0.0.1", webhook.port())).await.unwrap();
            let _ = stream.write_all(bytes).await;
        }
        server.calls_go_on().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_an_end_cost_bounded_memory_and_hold_up_no_review() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let endless: Vec<_> = (0..100)
        .map(|_| {
            let (sender, body) = Channel::<Bytes>::new(1);
            let (client, url) = (webhook.client(), format!("{}/observe?timeout=30s", webhook.url));
            let answer = tokio::spawn(client.post(url).body(reqwest::Body::wrap(body)).send());
            (tokio::spawn(send_almost_too_much(sender)), answer)
        })
        .collect();
    for _ in 0..20 {
        server.calls_go_on().await;
    }
    let no_room = r#"tracestamp_bad_requests_total{reason="no_room"}"#;
    webhook.until("most are refused", async || webhook.admin("/metrics").await.1.contains(no_room)).await;
    server.calls_go_on().await;
    assert!(webhook.peak_memory() < ENOUGH, "{}", webhook.peak_memory());
    for (sending, answer) in endless {
        sending.abort();
        answer.abort();
    }
}

/// 7 MiB, and no end.
async fn send_almost_too_much(mut sender: Sender<Bytes>) {
    for _ in 0..448 {
        if sender.send_data(Bytes::from_static(&[b' '; 1 << 14])).await.is_err() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_bomb_is_never_unpacked() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let before = webhook.peak_memory();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..1 << 16 {
        bomb.write_all(&[b' '; 1 << 14]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let request = webhook.client().post(format!("{}/stamp", webhook.url)).header("content-encoding", encoding);
        assert_eq!(request.body(bomb.clone()).send().await.unwrap().status(), 400, "{encoding}");
    }
    server.calls_go_on().await;
    assert!(webhook.peak_memory() < before + (64 << 20), "{} after {before}", webhook.peak_memory());
}
