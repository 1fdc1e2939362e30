//! Instants, as nanoseconds since the Unix epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// An instant in nanoseconds since the Unix epoch, the unit of OTLP.
///
/// Kubernetes writes RFC 3339 with a resolution of one second (`metav1.Time`), Tekton's entrypoint with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The instant an RFC 3339 text names; `None` when it is none, or lies before 1970 or after 2554.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(instant.as_nanosecond()).ok().map(Self)
    }

    /// This instant with the part below one second cut off.
    #[must_use]
    pub const fn second(self) -> Self {
        Self(self.0 - self.0 % NANOS_PER_SECOND)
    }

    /// This instant `seconds` earlier (negative: later), held at the ends of the range.
    #[must_use]
    pub const fn minus_seconds(self, seconds: i64) -> Self {
        let by = seconds.unsigned_abs().saturating_mul(NANOS_PER_SECOND);
        Self(if seconds >= 0 { self.0.saturating_sub(by) } else { self.0.saturating_add(by) })
    }

    /// Seconds from `earlier` to this instant, 0 when `earlier` is later.
    #[allow(clippy::cast_precision_loss, reason = "a span of 104 days still has nanoseconds")]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / NANOS_PER_SECOND as f64
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_and_entrypoint_times_are_read_to_their_resolution() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-02-06T19:39:44Z", Some(1_675_712_384_000_000_000)),
            ("2023-02-06T19:39:44.556Z", Some(1_675_712_384_556_000_000)),
            ("2023-02-06T20:39:44+01:00", Some(1_675_712_384_000_000_000)),
            ("1969-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::nanos), nanos, "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_as_it_is_read() {
        assert_eq!(Timestamp::parse("2023-02-06T19:39:44.556Z").unwrap().to_string(), "2023-02-06T19:39:44.556Z");
    }
}
