use std::fs;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tracestamp_exporter::OtlpArgs;
use tracestamp_runtime::admin::Readiness;
use tracestamp_runtime::drain::DrainArgs;
use tracestamp_runtime::metrics::Registry;
use tracestamp_runtime::server::{Limits, Server};
use tracestamp_runtime::tls::TlsArgs;

use crate::bench::{Bench, to};
use crate::door::{self, Manner};
use crate::receiver::Receiver;

/// An authority and certificates of localhost signed by it, as PEM.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self) -> (String, String) {
        self.issue_until(4096)
    }

    /// Valid until the end of that year.
    fn issue_until(&self, year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

async fn serve(receiver: &Receiver, server: &Authority, clients: &Authority) -> String {
    format!("localhost:{}", serve_with(receiver, server.issue(), clients).await.port())
}

async fn serve_with(
    receiver: &Receiver,
    (certificate, key): (String, String),
    clients: &Authority,
) -> std::net::SocketAddr {
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(clients.pem()));
    receiver.serve_grpc_at("127.0.0.1:0", Some(tls), usize::MAX).await
}

/// The runtime's own server: the only other one here that speaks TLS.
async fn serve_http(receiver: &Receiver, server: &Authority, clients: &Authority) -> String {
    let dir = TempDir::new().unwrap();
    let (certificate, key) = server.issue();
    let files = ["tls.crt", "tls.key", "ca.crt"].map(|name| dir.path().join(name));
    for (file, pem) in files.iter().zip([certificate, key, clients.pem()]) {
        fs::write(file, pem).unwrap();
    }
    let [tls_certificate, tls_key, ca] = files;
    let (mut registry, readiness) = (Registry::default(), Readiness::default());
    let args = TlsArgs { tls_certificate, tls_key, client_ca: Some(ca) };
    let tls = args.load(&mut registry, readiness.check("certificate")).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), &tls, &Limits::default(), &mut registry).await.unwrap();
    let port = server.local_addr().unwrap().port();
    let drain = DrainArgs { drain_delay: Duration::ZERO, drain_timeout: Duration::ZERO };
    tokio::spawn(server.serve(receiver.http(), CancellationToken::new(), drain, readiness.check("server")));
    format!("https://localhost:{port}")
}

fn settings(bench: &Bench, endpoint: String, ca: &Authority, clients: &Authority) -> OtlpArgs {
    let path = |name: &str| bench.dir.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = clients.issue();
    fs::write(path("ca.crt"), ca.pem()).unwrap();
    fs::write(path("tls.crt"), certificate).unwrap();
    fs::write(path("tls.key"), key).unwrap();
    OtlpArgs {
        protocol: Some("grpc".to_owned()),
        certificate: Some(path("ca.crt")),
        client_certificate: Some(path("tls.crt")),
        client_key: Some(path("tls.key")),
        ..to(endpoint)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_delivered_over_mutual_tls_with_an_own_authority() {
    let (bench, receiver, authority) = (Bench::new(), Receiver::default(), Authority::new());
    let endpoint = serve(&receiver, &authority, &authority).await;
    bench.record(&["a"]);
    // Without a scheme: TLS is gRPC's default.
    bench.deliver(settings(&bench, endpoint, &authority, &authority)).await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_posted_over_mutual_tls_with_an_own_authority() {
    let (bench, receiver, authority) = (Bench::new(), Receiver::default(), Authority::new());
    let endpoint = serve_http(&receiver, &authority, &authority).await;
    bench.record(&["a"]);
    let otlp = OtlpArgs { protocol: None, ..settings(&bench, endpoint, &authority, &authority) };
    bench.deliver(otlp).await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_signed_by_another_authority_gets_nothing_until_the_file_names_its_own() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let (authority, other) = (Authority::new(), Authority::new());
    let endpoint = serve(&receiver, &authority, &authority).await;
    bench.record(&["a"]);
    let running = bench.start(settings(&bench, endpoint, &other, &authority));
    bench.until(r#"tracestamp_deliveries_total{result="retry"}"#, 2).await;
    assert!(receiver.received().is_empty());
    fs::write(bench.dir.path().join("ca.crt"), authority.pem()).unwrap();
    running.drain().await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_while_the_exporter_runs() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let (authority, other) = (Authority::new(), Authority::new());
    let endpoint = serve(&receiver, &authority, &authority).await;
    bench.record(&["a"]);
    let running = bench.start(settings(&bench, endpoint.clone(), &authority, &other));
    bench.until(r#"tracestamp_deliveries_total{result="retry"}"#, 2).await;
    settings(&bench, endpoint, &authority, &authority);
    running.drain().await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_key_that_is_not_of_its_certificate_is_refused_by_name() {
    let (bench, authority) = (Bench::new(), Authority::new());
    for protocol in ["grpc", "http/protobuf"] {
        let mut otlp = settings(&bench, "https://localhost:4317".to_owned(), &authority, &authority);
        otlp.protocol = Some(protocol.to_owned());
        fs::write(bench.dir.path().join("tls.key"), authority.issue().1).unwrap();
        let problem = bench.exporter(otlp).unwrap_err().to_string();
        assert!(problem.contains("--client-key"), "{protocol}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_certificate_is_no_longer_valid_gets_everything_once_it_is_renewed() {
    let (bench, authority) = (Bench::new(), Authority::new());
    let [fresh, stale, renewed] = [(); 3].map(|()| Receiver::default());
    let first = serve_with(&fresh, authority.issue(), &authority).await;
    let expired = serve_with(&stale, authority.issue_until(2020), &authority).await;
    let last = serve_with(&renewed, authority.issue(), &authority).await;
    let door = door::open([first, expired, expired].map(Manner::To), last).await;
    bench.record(&["a"]);
    let running = bench.start(settings(&bench, format!("localhost:{}", door.address.port()), &authority, &authority));
    bench.until("tracestamp_spans_delivered_total", 1).await;
    door.cut();
    bench.record(&["b"]);
    bench.until(r#"tracestamp_deliveries_total{result="retry"}"#, 2).await;
    running.drain().await;
    assert_eq!([fresh.names(), stale.names(), renewed.names()], [vec!["a".to_owned()], vec![], vec!["b".to_owned()]]);
}
