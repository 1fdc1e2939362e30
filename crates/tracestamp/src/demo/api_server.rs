//! The API server's side: calls as `kube-apiserver` makes them (`k8s.io/apiserver` `pkg/util/webhook`,
//! `pkg/admission/plugin/webhook`), and its view of what a valid answer is.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{Certificate, Client, StatusCode, header};
use serde::Deserialize;
use tracestamp_admission::Endpoint;

use crate::recording::Review;

/// A Service's name, which the API server asks for in TLS.
pub(super) const HOST: &str = "tracestamp-webhook.tracestamp.svc";

pub(super) struct ApiServer {
    client: Client,
    port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    api_version: String,
    kind: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    patch: Option<String>,
    patch_type: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    uid: String,
}

impl ApiServer {
    /// An API server whose registration holds this `caBundle` (PEM) and whose Service leads to `address`.
    pub(super) fn new(ca: &str, address: SocketAddr) -> anyhow::Result<Self> {
        let client = Client::builder()
            .http1_only()
            .tls_certs_only([Certificate::from_pem(ca.as_bytes())?])
            .user_agent("kube-apiserver-admission")
            .resolve(HOST, address)
            // An API server's way to a webhook leads through no proxy, and neither does this one out of the machine.
            .no_proxy()
            .build()?;
        Ok(Self { client, port: address.port() })
    }

    /// Sends one review; tells whether the answer has a patch. An answer that the API server would not take is an
    /// error.
    pub(super) async fn call(&self, review: &Review) -> anyhow::Result<bool> {
        let (path, seconds) = match review.endpoint {
            Endpoint::Stamp => ("stamp", 2),
            Endpoint::Observe => ("observe", 1),
        };
        let url = format!("https://{HOST}:{}/{path}?timeout={seconds}s", self.port);
        let answer = self
            .client
            .post(url)
            .timeout(Duration::from_secs(seconds))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .body(review.body.get().to_owned())
            .send()
            .await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status == StatusCode::OK, "answered with {status}");
        let asked: Asked = serde_json::from_str(review.body.get())?;
        let Answered { api_version, kind, response } =
            serde_json::from_slice(&body).context("the answer is no AdmissionReview")?;
        ensure!(
            api_version == "admission.k8s.io/v1" && kind == "AdmissionReview",
            "the answer is a {api_version} {kind}"
        );
        ensure!(response.uid == asked.request.uid, "the answer has another uid");
        ensure!(response.allowed, "the answer denies");
        ensure!(
            response.patch.is_some() == (response.patch_type.as_deref() == Some("JSONPatch")),
            "patch and patchType do not fit"
        );
        Ok(response.patch.is_some())
    }
}
