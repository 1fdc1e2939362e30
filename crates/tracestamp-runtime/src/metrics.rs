//! Metrics in Prometheus' text format, all named `tracestamp_…`.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Metric;
pub use prometheus_client::registry::Registry;
use tracestamp_core::Timestamp;

/// Upper bounds in seconds for what should take well under 5 ms and may take a review's whole deadline.
pub const LATENCY_BUCKETS: [f64; 13] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// A registry with the prefix `tracestamp`, `tracestamp_build_info{process, version}` and
/// `tracestamp_process_start_time_seconds{process}`, a Unix time; to be made when the process starts.
///
/// Both processes of a Pod tell these two, and not every scraper adds the container: the label `process` keeps them apart.
pub fn registry(process: &'static str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix("tracestamp");
    let build = Info::new(vec![("process", process), ("version", version)]);
    registry.register("build", "The process and its version", build);
    let start: Gauge<f64, AtomicU64> = register(
        registry.sub_registry_with_label(("process".into(), process.into())),
        "process_start_time_seconds",
        "When the process started, as a Unix time",
    );
    start.set(crate::now().seconds_since(Timestamp::from_nanos(0)));
    registry
}

/// Registers a metric that begins at its default and gives the handle that changes it.
///
/// Counters get the suffix `_total` when they are encoded, so `name` has none.
pub fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_tells_its_version_and_when_it_started() {
        let (before, mut text) = (crate::now(), String::new());
        prometheus_client::encoding::text::encode(&mut text, &registry("webhook", "1.2.3")).unwrap();
        assert!(text.contains(r#"tracestamp_build_info{process="webhook",version="1.2.3"} 1"#), "{text}");
        let start = text.split(r#"tracestamp_process_start_time_seconds{process="webhook"} "#).nth(1).unwrap();
        let start: f64 = start.lines().next().unwrap().parse().unwrap();
        let epoch = Timestamp::from_nanos(0);
        assert!(before.seconds_since(epoch) <= start && start <= crate::now().seconds_since(epoch), "{start}");
    }
}
