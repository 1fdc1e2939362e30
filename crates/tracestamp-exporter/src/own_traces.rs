//! The exporter's own telemetry: one span for each attempt to deliver.

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, Status, Tracer, TracerProvider};
use opentelemetry_otlp::{Compression, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};

use crate::settings::{InvalidSetting, Target};
use crate::transport::Transport;

/// Sends its spans over the connection that delivers everything else.
#[derive(Clone, Debug)]
pub(crate) struct OwnTraces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl OwnTraces {
    pub(crate) fn new(target: &Target, transport: &Transport) -> Result<Self, InvalidSetting> {
        let invalid = |problem: &str| InvalidSetting::new("--own-traces (TRACESTAMP_OWN_TRACES)", problem);
        let Transport::Grpc(grpc) = transport else { return Err(invalid("needs the protocol grpc")) };
        let (channel, metadata) = grpc.parts();
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_channel(channel)
            .with_metadata(metadata)
            .with_timeout(target.timeout);
        if target.gzip {
            exporter = exporter.with_compression(Compression::Gzip);
        }
        let exporter = exporter.build().map_err(|_| invalid("cannot be set up with these OTLP settings"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder_empty().with_service_name("tracestamp-exporter").build())
            .build();
        let tracer = provider.tracer("tracestamp-exporter");
        Ok(Self { provider, tracer })
    }

    /// Begins the span of an attempt.
    pub(crate) fn attempt(&self, spans: usize) -> SdkSpan {
        let mut span = self.tracer.start("deliver");
        span.set_attribute(KeyValue::new("tracestamp.delivery.spans", i64::try_from(spans).unwrap_or(i64::MAX)));
        span
    }

    /// Sends what is left; blocks for up to five seconds while other threads do the sending.
    pub(crate) fn shutdown(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::debug!(%error, "The last own traces were lost.");
        }
    }
}

/// Ends it; `code` is that of a failure.
pub(crate) fn end(mut span: SdkSpan, code: Option<&str>) {
    if let Some(code) = code {
        span.set_attribute(KeyValue::new("error.type", code.to_owned()));
        span.set_status(Status::error(""));
    }
    span.end();
}
