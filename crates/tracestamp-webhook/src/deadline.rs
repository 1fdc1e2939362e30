//! Until when an answer is of use.

use std::time::Duration;

use tokio::time::Instant;
use tracestamp_runtime::parse_duration;

/// `timeoutSeconds` of a registration that sets none (admissionregistration.k8s.io/v1).
const DEFAULT: Duration = Duration::from_secs(10);
/// The longest that a registration may set.
const LONGEST: Duration = Duration::from_secs(30);

/// The instant by which the API server must have the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Reads `timeout` from the query, as the API server sends it (`?timeout=2s`). A tenth is kept for the way there
    /// and back, because the API server's clock began before ours.
    pub(crate) fn of(query: Option<&str>, received: Instant) -> Self {
        let timeout = query
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("timeout="))
            .and_then(|text| parse_duration(text).ok())
            .unwrap_or(DEFAULT)
            .min(LONGEST);
        Self(received + timeout.mul_f32(0.9))
    }

    /// What is left, nothing when it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// The instant itself.
    pub(crate) fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reviews_own_timeout_counts_within_what_kubernetes_allows() {
        let received = Instant::now();
        for (query, milliseconds) in [
            (Some("timeout=2s"), 1_800),
            (Some("a=b&timeout=1s"), 900),
            (Some("timeout=1m0s"), 27_000),
            (Some("timeout=soon"), 9_000),
            (Some(""), 9_000),
            (None, 9_000),
        ] {
            let Deadline(instant) = Deadline::of(query, received);
            let error = (instant - received).abs_diff(Duration::from_millis(milliseconds));
            assert!(error < Duration::from_millis(1), "{query:?}");
        }
    }
}
