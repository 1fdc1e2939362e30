//! Span records to OTLP.
//!
//! ```text
//! ExportTraceServiceRequest ─ ResourceSpans (one per distinct resource) ─ ScopeSpans `tracestamp` ─ Span
//! ```

mod resource;
mod span;

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;
use tracestamp_core::span::{Attribute, SpanRecord, Value};

pub(crate) use resource::pairs;
pub use resource::{InvalidAttributes, ResourceSettings};

/// The version of the semantic conventions that the attributes' names follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// The request that carries the records, in their order within each resource.
pub fn request<'r, 'a: 'r>(
    records: impl IntoIterator<Item = &'r SpanRecord<'a>>,
    settings: &ResourceSettings,
) -> ExportTraceServiceRequest {
    let mut indexes: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut resources: Vec<ResourceSpans> = Vec::new();
    for record in records {
        let resource = settings.resource(&record.resource);
        let index = *indexes.entry(resource.encode_to_vec()).or_insert_with(|| {
            resources.push(ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![scope_spans()],
                schema_url: SCHEMA_URL.to_owned(),
            });
            resources.len() - 1
        });
        if let Some(scope) = resources.get_mut(index).and_then(|resource| resource.scope_spans.first_mut()) {
            scope.spans.push(span::span(record));
        }
    }
    ExportTraceServiceRequest { resource_spans: resources }
}

/// The request as OTLP/JSON, on one line.
pub fn to_json(request: &ExportTraceServiceRequest) -> serde_json::Result<String> {
    serde_json::to_string(request)
}

fn scope_spans() -> ScopeSpans {
    let scope = InstrumentationScope {
        name: "tracestamp".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ScopeSpans { scope: Some(scope), spans: Vec::new(), schema_url: SCHEMA_URL.to_owned() }
}

fn key_values(attributes: &[Attribute<'_>]) -> impl Iterator<Item = KeyValue> {
    attributes.iter().map(|attribute| key_value(&attribute.key, value(&attribute.value)))
}

fn key_value(key: &str, value: OtlpValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn value(value: &Value<'_>) -> OtlpValue {
    let text = |text: &str| OtlpValue::StringValue(text.to_owned());
    match value {
        Value::Text(value) => text(value),
        Value::Int(value) => OtlpValue::IntValue(*value),
        Value::Double(value) => OtlpValue::DoubleValue(*value),
        Value::Bool(value) => OtlpValue::BoolValue(*value),
        Value::TextList(list) => OtlpValue::ArrayValue(ArrayValue {
            values: list.iter().map(|item| AnyValue { value: Some(text(item)) }).collect(),
        }),
    }
}
