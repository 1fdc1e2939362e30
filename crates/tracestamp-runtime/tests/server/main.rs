//! The TLS server as a client sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;
mod shapes;
mod strangers;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracestamp_runtime::admin::Readiness;
use tracestamp_runtime::metrics::Registry;
use tracestamp_runtime::server::Limits;
use tracestamp_runtime::tls::TlsArgs;

use harness::{Authority, Identity, args, drain, eventually, mount, start};

#[tokio::test]
async fn a_certificate_swapped_as_the_kubelet_does_serves_new_connections_and_a_broken_one_does_not() {
    let (old, new, directory) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &old.issue());
    let running = start(args(&directory), Limits::default(), drain(0, 1000)).await;
    let pooled = old.client().build().unwrap();
    assert_eq!(pooled.get(&running.url).send().await.unwrap().text().await.unwrap(), "hello");
    assert!(new.client().build().unwrap().get(&running.url).send().await.is_err());

    mount(directory.path(), "..2", &new.issue());
    eventually("the new certificate is served", async || {
        new.client().build().unwrap().get(&running.url).send().await.is_ok()
    })
    .await;
    // A connection that was open stays so.
    assert!(pooled.get(&running.url).send().await.is_ok());

    let broken = Identity { certificate: new.issue().certificate, key: new.issue().key };
    mount(directory.path(), "..3", &broken);
    let admin = tracestamp_runtime::admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let ready = format!("http://{}/ready", admin.local_addr().unwrap());
    tracestamp_runtime::admin::serve(admin, Registry::default(), running.readiness.clone()).unwrap();
    eventually("the readiness detail names the key", async || {
        reqwest::get(&ready).await.unwrap().text().await.unwrap().contains("--tls-key")
    })
    .await;
    assert!(running.readiness.is_ready());
    assert!(new.client().build().unwrap().get(&running.url).send().await.is_ok());
}

#[tokio::test]
async fn a_pair_that_does_not_fit_is_refused_before_a_port_is_bound_with_flag_and_path() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    let refusal = |certificate: &str, key: &str| {
        fs::write(directory.path().join("tls.crt"), certificate).unwrap();
        fs::write(directory.path().join("tls.key"), key).unwrap();
        let check = Readiness::default().check("certificate");
        let error = args(&directory).load(&mut Registry::default(), check).err().expect("refused");
        error.to_string()
    };
    let good = authority.issue();
    for (text, flag) in [
        (refusal("", &good.key), "--tls-certificate"),
        (refusal("no PEM", &good.key), "--tls-certificate"),
        (refusal(&good.certificate, ""), "--tls-key"),
        (refusal(&good.certificate, &authority.issue().key), "--tls-key"),
    ] {
        assert!(text.contains(flag) && text.contains(directory.path().to_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn with_a_client_ca_only_clients_that_it_signed_are_served() {
    let (authority, stranger, directory) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let client_ca = directory.path().join("ca.crt");
    fs::write(&client_ca, &authority.pem).unwrap();
    let args = TlsArgs { client_ca: Some(client_ca), ..args(&directory) };
    let running = start(args, Limits::default(), drain(0, 1000)).await;
    let with = |identity: Identity| {
        let pem = format!("{}{}", identity.certificate, identity.key);
        authority.client().identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
    };
    assert!(with(authority.issue()).get(&running.url).send().await.is_ok());
    assert!(with(stranger.issue()).get(&running.url).send().await.is_err());
    assert!(authority.client().build().unwrap().get(&running.url).send().await.is_err());
}

#[tokio::test]
async fn a_drain_answers_and_asks_to_close_until_its_delay_is_over_then_finishes_what_is_under_way() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let running = start(args(&directory), Limits::default(), drain(400, 5000)).await;
    let client = authority.client().build().unwrap();
    let before = client.get(&running.url).send().await.unwrap();
    assert!(before.headers().get("connection").is_none());

    running.shutdown.cancel();
    eventually("readiness fails", async || !running.readiness.is_ready()).await;
    let during = client.get(&running.url).send().await.unwrap();
    assert_eq!(during.headers()["connection"], "close");
    assert_eq!(client.get(format!("{}/slow", running.url)).send().await.unwrap().text().await.unwrap(), "slow");
    running.task.await.unwrap();
    assert!(client.get(&running.url).send().await.is_err());
}

#[tokio::test]
async fn a_drain_cuts_what_takes_longer_than_its_timeout() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { handshake_timeout: Duration::from_hours(1), ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 50)).await;
    let _silent = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_is_closed() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 1000)).await;
    let mut silent = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(running.has_metric(r#"tracestamp_handshakes_failed_total{reason="timeout"} 1"#));
}

#[tokio::test]
async fn past_the_limit_silent_connections_give_way_and_one_that_was_answered_stays() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 1000)).await;
    let client = authority.client().build().unwrap();
    client.get(&running.url).send().await.unwrap().text().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(("127.0.0.1", running.port)).await.unwrap());
    }
    for gone in &mut silent[..2] {
        assert_eq!(gone.read(&mut [0]).await.unwrap_or(0), 0);
    }
    client.get(&running.url).send().await.unwrap().text().await.unwrap();
    assert!(running.has_metric("tracestamp_connections_accepted_total 4"), "the first client kept its connection");
    assert!(running.has_metric("tracestamp_connections_evicted_total 2"));
    // A newcomer is served however many are there.
    assert!(authority.client().build().unwrap().get(&running.url).send().await.is_ok());
}

#[tokio::test]
async fn plain_http_is_no_handshake_and_harms_nobody() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let running = start(args(&directory), Limits::default(), drain(0, 1000)).await;
    let mut plain = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert!(authority.client().build().unwrap().get(&running.url).send().await.is_ok());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_idle_timeout_and_kept_until_then() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let limits = Limits { idle_timeout: Duration::from_secs(2), ..Limits::default() };
    let running = start(args(&directory), limits, drain(0, 1000)).await;
    let client = authority.client().build().unwrap();
    assert!(client.get(&running.url).send().await.unwrap().text().await.is_ok());
    assert!(client.get(&running.url).send().await.unwrap().text().await.is_ok());
    assert!(running.has_metric("tracestamp_connections_accepted_total 1"));
    eventually("the idle connection is closed", async || running.has_metric("tracestamp_connections 0")).await;
    assert!(client.get(&running.url).send().await.is_ok());
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_nothing_but_http_1_1() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    mount(directory.path(), "..1", &authority.issue());
    let running = start(args(&directory), Limits::default(), drain(0, 1000)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    tracestamp_runtime::install_crypto_provider();
    let connect = async |version: &'static SupportedProtocolVersion, alpn: &[&str]| {
        let mut config = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        let stream =
            TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await.ok()?;
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };
    for version in [&TLS12, &TLS13] {
        assert_eq!(connect(version, &["h2", "http/1.1"]).await.as_deref(), Some(b"http/1.1".as_slice()));
        assert_eq!(connect(version, &["h2"]).await, None);
    }
}
