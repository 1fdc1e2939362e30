//! From the spool to a backend: how fast, at what cost, and in how much memory however much there is.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracestamp_admission::{Entropy, Review};
use tracestamp_core::context::SpanId;
use tracestamp_core::span::{SpanRecord, decode, encode};
use tracestamp_core::{Config, Timestamp};
use tracestamp_spool::{Limits, Writer};

use crate::bodies;
use crate::report::{Budget, Report};
use crate::target::{beside, cpu_of, memory_of};

pub(crate) fn measure(report: &mut Report, spans: u64) -> Result<()> {
    let room = TempDir::new()?;
    let spool = room.path().join("spool");
    let limits = Limits { max_bytes: 1 << 40, segment_bytes: 8 << 20 };
    let (mut writer, templates) = (Writer::open(&spool, limits)?, records()?);
    let began = Instant::now();
    for (number, template) in (0..spans).zip(templates.iter().cycle()) {
        writer.append(&[encode(&numbered(template, number), Vec::new())?])?;
    }
    let case = format!("{spans} spans");
    report.value("export", &case, "encoded and appended a second", [spans as f64 / began.elapsed().as_secs_f64()]);
    drop(writer);

    let runtime = Runtime::new()?;
    let sink = Sink::default();
    let _entered = runtime.enter();
    let address = sink.serve()?;
    let mut exporter = Running(
        Command::new(beside("tracestamp-exporter")?)
            .args(["--admin-address=127.0.0.1:0", "--log-level=warn", "--spool-dir"])
            .arg(&spool)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .stdin(Stdio::null())
            .spawn()?,
    );
    let process = exporter.0.id();
    let (began, mut early) = (Instant::now(), None);
    while sink.spans() < spans {
        ensure!(exporter.0.try_wait()?.is_none(), "the exporter ended");
        ensure!(began.elapsed() < Duration::from_mins(10), "{} of {spans} spans arrived", sink.spans());
        if early.is_none() && sink.spans() * 2 >= spans {
            early = Some(memory_of(process, "VmHWM:")?);
        }
        sleep(Duration::from_millis(2));
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_100_000 = 1e5 / spans as f64;
    report.value("export", &case, "delivered a second", [spans as f64 / seconds]);
    report.value(
        "export",
        &case,
        "processor time for 100,000 spans, s",
        [cpu_of(process)?.as_secs_f64() * per_100_000],
    );
    let peak = memory_of(process, "VmHWM:")? as f64;
    let early = early.context("it was too fast to look")? as f64;
    report.value("export", &case, "peak memory, MiB", [peak / f64::from(1 << 20)]);
    report.ratio("export", &case, "peak memory at the end / at half", Budget::AtMost(1.1), [peak / early]);
    Ok(())
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The spans of a recorded run.
fn records() -> Result<Vec<SpanRecord<'static>>> {
    let config = Config::default();
    let mut records = Vec::new();
    for body in bodies::mix()?.bodies {
        let review = Review::parse(body.json.as_bytes())?;
        let decision = review.decide(body.endpoint, &config, Timestamp::from_nanos(1), Entropy([7; 20]));
        for span in &decision.spans {
            records.push(decode(&encode(span, Vec::new())?)?);
        }
    }
    ensure!(!records.is_empty(), "the recording gives no span");
    Ok(records)
}

/// The same span with an id of its own.
fn numbered(template: &SpanRecord<'static>, number: u64) -> SpanRecord<'static> {
    let mut record = template.clone();
    record.context.span_id = SpanId::from_bytes((number + 1).to_be_bytes()).unwrap_or(SpanId::LEAST);
    record
}

/// A backend that counts.
#[derive(Clone, Default)]
struct Sink(Arc<AtomicU64>);

impl Sink {
    /// Needs a runtime around it.
    fn serve(&self) -> Result<SocketAddr> {
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = incoming.local_addr()?;
        let service = TraceServiceServer::new(self.clone()).max_decoding_message_size(16 << 20);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Ok(address)
    }

    fn spans(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.fetch_add(scopes.map(|scope| scope.spans.len() as u64).sum(), Ordering::Relaxed);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}
