//! Metrics in Prometheus' text format, all named `tracestamp_…`.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Metric;
pub use prometheus_client::registry::Registry;

/// Upper bounds in seconds for what should take well under 5 ms and may take a review's whole deadline.
pub const LATENCY_BUCKETS: [f64; 13] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// A registry with the prefix `tracestamp` and `tracestamp_build_info{process, version}`.
pub fn registry(process: &'static str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix("tracestamp");
    let build = Info::new(vec![("process", process), ("version", version)]);
    registry.register("build", "The process and its version", build);
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
