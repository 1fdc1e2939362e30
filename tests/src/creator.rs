//! Whoever creates a run from within a trace, as Pipelines-as-Code does.

use anyhow::Result;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::json;

use crate::shared::Shared;

/// A span that is in Jaeger already.
#[derive(Clone, Debug)]
pub struct Creator {
    /// Its trace's id.
    pub trace_id: String,
    /// Its own.
    pub span_id: String,
}

impl Creator {
    /// Sends the root span `name` of a new trace to Jaeger.
    pub async fn start(shared: &Shared, name: &str) -> Result<Self> {
        let now = u64::try_from(Timestamp::now().as_nanosecond())?;
        // Differs from test to test, which is all that an id has to do here.
        let (trace_id, span_id) = (u128::from(now).to_be_bytes().to_vec(), now.to_be_bytes().to_vec());
        let creator = Self { trace_id: const_hex::encode(&trace_id), span_id: const_hex::encode(&span_id) };
        let span = Span {
            trace_id,
            span_id,
            name: name.to_owned(),
            start_time_unix_nano: now,
            end_time_unix_nano: now,
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(format!("{}/v1/traces", shared.otlp_http))
            .header("content-type", "application/x-protobuf")
            .body(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        request.send().await?.error_for_status()?;
        Ok(creator)
    }

    /// W3C `traceparent` of the span.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }

    /// The carrier that Tekton understands.
    pub fn carrier(&self) -> String {
        json!({"traceparent": self.traceparent()}).to_string()
    }
}
