use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use axum::Router;
use axum::routing::{get, post};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tracestamp_runtime::admin::Readiness;
use tracestamp_runtime::drain::DrainArgs;
use tracestamp_runtime::metrics::{self, Registry};
use tracestamp_runtime::server::{Limits, Server};
use tracestamp_runtime::tls::{Tls, TlsArgs};

pub(crate) struct Authority {
    pub(crate) issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) pem: String,
}

pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    pub(crate) fn issue(&self) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn client(&self) -> reqwest::ClientBuilder {
        tracestamp_runtime::install_crypto_provider();
        let root = reqwest::Certificate::from_pem(self.pem.as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([root]).http1_only()
    }
}

impl Authority {
    /// A handshake by hand, for what no HTTP client sends.
    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tracestamp_runtime::install_crypto_provider();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
    }
}

/// Lays a pair out as the kubelet mounts a Secret, or swaps the one that is there.
pub(crate) fn mount(directory: &Path, generation: &str, identity: &Identity) {
    fs::create_dir(directory.join(generation)).unwrap();
    fs::write(directory.join(generation).join("tls.crt"), &identity.certificate).unwrap();
    fs::write(directory.join(generation).join("tls.key"), &identity.key).unwrap();
    let _ = fs::remove_file(directory.join("..data_tmp"));
    symlink(generation, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        if !directory.join(file).exists() {
            symlink(format!("..data/{file}"), directory.join(file)).unwrap();
        }
    }
}

pub(crate) fn args(directory: &TempDir) -> TlsArgs {
    TlsArgs {
        tls_certificate: directory.path().join("tls.crt"),
        tls_key: directory.path().join("tls.key"),
        client_ca: None,
    }
}

pub(crate) fn load(args: TlsArgs) -> (Tls, Registry, Readiness) {
    let (mut registry, readiness) = (metrics::registry("test", "0"), Readiness::default());
    let tls = args.load(&mut registry, readiness.check("certificate")).unwrap_or_else(|error| panic!("{error}"));
    (tls, registry, readiness)
}

pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) shutdown: CancellationToken,
    pub(crate) readiness: Readiness,
    pub(crate) registry: Registry,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

pub(crate) async fn start(args: TlsArgs, limits: Limits, drain: DrainArgs) -> Running {
    let (tls, mut registry, readiness) = load(args);
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), &tls, &limits, &mut registry).await.unwrap();
    tls.reload.spawn(Duration::from_millis(20));
    let port = server.local_addr().unwrap().port();
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route("/body", post(async |body: String| body));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(server.serve(router, shutdown.clone(), drain, readiness.check("server")));
    Running { url: format!("https://localhost:{port}"), port, shutdown, readiness, registry, task }
}

impl Running {
    pub(crate) fn has_metric(&self, line: &str) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text.lines().any(|found| found == line)
    }
}

pub(crate) fn drain(delay_ms: u64, timeout_ms: u64) -> DrainArgs {
    DrainArgs { drain_delay: Duration::from_millis(delay_ms), drain_timeout: Duration::from_millis(timeout_ms) }
}

pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}
