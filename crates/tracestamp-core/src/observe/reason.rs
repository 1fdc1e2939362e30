//! The reasons of runs, Pods and containers, one table a family, and what each says about the result.
//!
//! The tables are closed, so that `error.type` stays of low cardinality: any other reason is `_OTHER`.

mod container;
mod pod;
mod run;

pub(super) use container::{ContainerCause, container_reason};
pub(super) use pod::pod_cause;
pub(super) use run::run_reason;

/// OpenTelemetry's fallback for `error.type`.
const OTHER: &str = "_OTHER";

fn find<T: Copy>(table: &[(&'static str, T)], reason: &str) -> Option<(&'static str, T)> {
    table.iter().find(|(known, _)| *known == reason).copied()
}

#[cfg(test)]
fn assert_each_once<T>(table: &[(&'static str, T)]) {
    let mut reasons: Vec<_> = table.iter().map(|(reason, _)| *reason).collect();
    reasons.sort_unstable();
    assert!(reasons.windows(2).all(|pair| pair[0] != pair[1]), "{reasons:?}");
}
