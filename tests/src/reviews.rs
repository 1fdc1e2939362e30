//! What the API server sends, seen by a webhook of the test's own beside tracestamp.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::registration::Registration;
use crate::serve;
use crate::shared::Shared;
use crate::tracestamp::LABEL;

/// Every validating review of runs and Pods in the namespaces of one instance of tracestamp, conditions or not.
#[derive(Debug)]
pub struct Reviews {
    requests: Arc<Mutex<Vec<Value>>>,
    _registration: Registration,
}

impl Reviews {
    pub(crate) fn listen(shared: &Shared, instance: &str) -> Result<Self> {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let router = Router::new()
            .route("/", post(answer))
            .layer(DefaultBodyLimit::max(7 << 20))
            .with_state(Arc::clone(&requests));
        let address = serve::https(router, &shared.certificate, &shared.key)?;
        let name = shared.unique("reviews");
        let rule = |group: &str, resources: &[&str]| {
            json!({
                "apiGroups": [group], "apiVersions": ["*"], "resources": resources,
                "operations": ["CREATE", "UPDATE", "DELETE"],
            })
        };
        let runs = ["pipelineruns", "taskruns", "customruns"].map(|run| [run.to_owned(), format!("{run}/status")]);
        let runs: Vec<_> = runs.iter().flatten().map(String::as_str).collect();
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "reviews.tracestamp.dev",
                "clientConfig": {
                    "url": format!("https://{address}/"), "caBundle": STANDARD.encode(fs::read(&shared.ca)?),
                },
                "rules": [rule("tekton.dev", &runs), rule("", &["pods", "pods/status"])],
                "namespaceSelector": {"matchLabels": {LABEL: instance}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "timeoutSeconds": 5,
            }],
        });
        let registration = Registration::create(&shared.kubectl, &name, &[configuration])?;
        Ok(Self { requests, _registration: registration })
    }

    /// The `request` of each so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(requests): State<Arc<Mutex<Vec<Value>>>>, body: Bytes) -> impl IntoResponse {
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let request = review.get("request").cloned().unwrap_or_default();
    let response = json!({"uid": request.get("uid"), "allowed": true});
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    ([(CONTENT_TYPE, "application/json")], answer.to_string())
}
