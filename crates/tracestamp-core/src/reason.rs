//! Tables of reasons, one for each family of objects, in the room of its kind.
//!
//! The tables are closed, so that `error.type` stays of low cardinality: any other reason is `_OTHER`.

/// OpenTelemetry's fallback for `error.type`.
pub(crate) const OTHER: &str = "_OTHER";

/// The row of a reason.
pub(crate) fn find<T: Copy>(table: &[(&'static str, T)], reason: &str) -> Option<(&'static str, T)> {
    table.iter().find(|(known, _)| *known == reason).copied()
}

/// Fails when a reason has two rows.
#[cfg(test)]
pub(crate) fn assert_each_once<T>(table: &[(&'static str, T)]) {
    let mut reasons: Vec<_> = table.iter().map(|(reason, _)| *reason).collect();
    reasons.sort_unstable();
    assert!(reasons.windows(2).all(|pair| pair[0] != pair[1]), "{reasons:?}");
}
