//! What the exporter sends, seen before Jaeger, which hides spans that came twice.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::serve;

/// A span as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenSpan {
    pub span: Span,
    /// Its Resource.
    pub resource: Resource,
}

impl SeenSpan {
    /// The span's id in hexadecimal, as Jaeger writes it.
    pub fn id(&self) -> String {
        const_hex::encode(&self.span.span_id)
    }

    /// The trace's id likewise.
    pub fn trace_id(&self) -> String {
        const_hex::encode(&self.span.trace_id)
    }

    /// A text among the span's attributes, empty when absent.
    pub fn tag(&self, key: &str) -> &str {
        text(&self.span.attributes, key)
    }

    /// The namespace that its Resource names.
    pub fn namespace(&self) -> &str {
        text(&self.resource.attributes, "k8s.namespace.name")
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.as_ref());
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

/// An OTLP/HTTP receiver that keeps what it sees and may hand it on.
#[derive(Clone, Debug)]
pub struct OtlpTee {
    endpoint: String,
    onward: Option<String>,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<SeenSpan>>>,
}

impl OtlpTee {
    /// Starts one on the surrounding runtime; what it sees is sent to `onward` too.
    pub fn start(onward: Option<&str>) -> Result<Self> {
        let mut tee = Self {
            endpoint: String::new(),
            onward: onward.map(|onward| format!("{onward}/v1/traces")),
            client: reqwest::Client::builder().no_proxy().build()?,
            seen: Arc::default(),
        };
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(tee.clone());
        tee.endpoint = format!("http://{}", serve::http(router)?);
        Ok(tee)
    }

    /// Where an exporter sends to.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every span of the trace, as often as it came.
    pub fn seen(&self, trace_id: &str) -> Vec<SeenSpan> {
        self.all().into_iter().filter(|seen| seen.trace_id() == trace_id).collect()
    }

    /// Every span, as often as it came.
    pub fn all(&self) -> Vec<SeenSpan> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn receive(State(tee): State<OtlpTee>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    for group in request.resource_spans {
        let resource = group.resource.unwrap_or_default();
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let seen = spans.map(|span| SeenSpan { span, resource: resource.clone() });
        tee.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let Some(onward) = &tee.onward else {
        // No bytes: an answer without a word about what was refused.
        return ([(header::CONTENT_TYPE, "application/x-protobuf")], Bytes::new()).into_response();
    };
    let answer = tee.client.post(onward).header("content-type", content_type).body(body).send().await;
    match answer {
        Ok(answer) => {
            let status = answer.status();
            (status, answer.bytes().await.unwrap_or_default()).into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
