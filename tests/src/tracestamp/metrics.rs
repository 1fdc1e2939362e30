//! What a process counts, as Prometheus would read it.

use anyhow::{Context as _, Result};

use super::get;

/// One answer of `/metrics`.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    pub(super) fn of(port: u16) -> Result<Self> {
        get(port, "/metrics").map(Self).context("/metrics does not answer")
    }

    /// The sum of the counter's samples that have all of `labels`, each written as `name="value"`.
    pub fn sum(&self, counter: &str, labels: &[&str]) -> u64 {
        let samples = self.0.lines().filter_map(|line| line.strip_prefix(counter)?.rsplit_once(' '));
        let samples = samples.filter(|(of, _)| of.is_empty() || of.starts_with('{'));
        let samples = samples.filter(|(of, _)| labels.iter().all(|label| of.contains(label)));
        samples.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    }
}
