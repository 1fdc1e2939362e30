//! A spool, an exporter on it, and its metrics.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracestamp_core::Timestamp;
use tracestamp_core::context::Traceparent;
use tracestamp_core::span::{Attribute, SpanRecord, SpanType, Status, encode};
use tracestamp_exporter::{Backoff, Exporter, InvalidSetting, Metrics, Options, OtlpArgs, otlp};
use tracestamp_spool::{Limits, Reader, Writer};

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) options: Options,
    registry: Registry,
    metrics: Metrics,
}

/// An exporter at work.
pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut registry = tracestamp_runtime::metrics::registry("test", "0");
        let metrics = Metrics::new(&mut registry);
        let millisecond = Duration::from_millis(1);
        let options = Options {
            poll_interval: millisecond,
            reload_interval: millisecond,
            drain: Duration::from_mins(1),
            max_request_bytes: 4_000_000,
            backoff: Backoff { first: millisecond, longest: millisecond },
            own_traces: false,
            resource: otlp::ResourceSettings::default(),
        };
        Self { dir: TempDir::new().unwrap(), options, registry, metrics }
    }

    /// Appends spans with these names; a name gives the span's id.
    pub(crate) fn record(&self, names: &[&str]) {
        self.append(&names.iter().map(|name| encode(&record(name), Vec::new()).unwrap()).collect::<Vec<_>>());
    }

    pub(crate) fn append(&self, payloads: &[Vec<u8>]) {
        let limits = Limits { max_bytes: 1 << 30, segment_bytes: 1 << 20 };
        Writer::open(self.dir.path(), limits).unwrap().append(payloads).unwrap();
    }

    pub(crate) fn exporter(&self, otlp: OtlpArgs) -> Result<Exporter, InvalidSetting> {
        let reader = Reader::open(self.dir.path()).unwrap();
        Exporter::new(reader, otlp, self.options.clone(), self.metrics.clone())
    }

    pub(crate) fn start(&self, otlp: OtlpArgs) -> Running {
        let exporter = self.exporter(otlp).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(exporter.run(shutdown.clone()));
        Running { shutdown, task }
    }

    /// Runs an exporter until it has emptied the spool.
    pub(crate) async fn deliver(&self, otlp: OtlpArgs) {
        self.start(otlp).drain().await;
    }

    /// A metric's value; 0 when it was never counted.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has reached a value.
    pub(crate) async fn until(&self, name: &str, value: u64) {
        until(|| self.metric(name) >= value).await;
    }
}

impl Running {
    pub(crate) async fn drain(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// Ends the exporter at once, as kill -9 does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("what was waited for came");
}

/// Settings with nothing but an endpoint.
pub(crate) fn to(endpoint: impl Into<String>) -> OtlpArgs {
    OtlpArgs { endpoint: Some(endpoint.into()), ..OtlpArgs::default() }
}

pub(crate) fn grpc(address: std::net::SocketAddr) -> OtlpArgs {
    OtlpArgs { protocol: Some("grpc".to_owned()), ..to(format!("http://{address}")) }
}

pub(crate) fn record(name: &str) -> SpanRecord<'static> {
    let id = name.bytes().fold(1_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
    SpanRecord {
        span_type: SpanType::Step.name().into(),
        kind: SpanType::Step.kind(),
        context: Traceparent::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{id:016x}-03")).unwrap(),
        parent: None,
        parent_is_remote: false,
        tracestate: "".into(),
        name: name.to_owned().into(),
        start: Timestamp::from_nanos(1_000_000_000),
        end: Timestamp::from_nanos(2_000_000_000),
        status: Status::Unset,
        resource: vec![Attribute::new("service.name", "tekton")],
        attributes: vec![],
        events: vec![],
        dropped_events: 0,
        links: vec![],
    }
}
