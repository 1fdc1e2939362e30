//! What the webhook is compared with: its own TLS and HTTP stack, and less work or other work than it does. Started by
//! the benchmark, which tells it by arguments: what to do, port, certificate, key.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;
use tracestamp_runtime::admin::Readiness;
use tracestamp_runtime::drain::DrainArgs;
use tracestamp_runtime::server::{Limits, Server};
use tracestamp_runtime::tls::TlsArgs;

/// As long as an answer that allows.
const ANSWER: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}"#;
const LARGEST: usize = 8 << 20;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, port, certificate, key] = arguments.as_slice() else { bail!("floor WORK PORT CERTIFICATE KEY") };
    tracestamp_runtime::install_crypto_provider();
    let mut registry = tracestamp_runtime::metrics::registry("floor", "0");
    let readiness = Readiness::default();
    let args = TlsArgs { tls_certificate: certificate.into(), tls_key: key.into(), client_ca: None };
    let tls = args.load(&mut registry, readiness.check("certificate"))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().context("no port")?));
    let server = Server::bind(address, &tls, &Limits::default(), &mut registry).await?;
    let router = match work.as_str() {
        "bare" => Router::new().fallback(async |request: Request| answer(request, |_| Some(ANSWER.to_vec())).await),
        "scan" => Router::new().fallback(async |request: Request| answer(request, scan).await),
        "kube" => Router::new().fallback(async |request: Request| answer(request, typed).await),
        "allow" => Router::new().fallback(async |request: Request| answer(request, allow).await),
        other => bail!("`{other}` is none of bare, scan, kube, allow"),
    };
    let drain = DrainArgs { drain_delay: std::time::Duration::ZERO, drain_timeout: std::time::Duration::ZERO };
    server.serve(router, CancellationToken::new(), drain, readiness.check("server")).await;
    Ok(())
}

async fn answer(request: Request, work: fn(&Bytes) -> Option<Vec<u8>>) -> Response {
    match to_bytes(request.into_body(), LARGEST).await.ok().and_then(|body| work(&body)) {
        Some(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        None => axum::http::StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The least that anything that reads JSON does.
fn scan(body: &Bytes) -> Option<Vec<u8>> {
    serde_json::from_slice::<IgnoredAny>(body).ok().map(|_| ANSWER.to_vec())
}

/// As little as a webhook can do that the API server believes: the answer names the review.
fn allow(body: &Bytes) -> Option<Vec<u8>> {
    tracestamp_admission::allow(body).ok()
}

/// As most webhooks in Rust are written.
fn typed(body: &Bytes) -> Option<Vec<u8>> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body).ok()?;
    let request: AdmissionRequest<DynamicObject> = review.try_into().ok()?;
    serde_json::to_vec(&AdmissionResponse::from(&request).into_review()).ok()
}
