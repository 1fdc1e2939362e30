//! How long to wait after a failure.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 1 s to 30 s.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait after the failure number `failures`, counted from 0: twice as long each time, of which the upper half
    /// is random so that many exporters do not come back as one.
    pub(crate) fn wait(self, failures: u32) -> Duration {
        let full = self.first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(self.longest);
        // Without entropy there is no jitter, which is no reason to stop.
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        full.div_f64(2.0) + full.div_f64(2.0).mul_f64(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_stay_there() {
        let backoff = Backoff::default();
        for (failures, full) in [(0, 1), (1, 2), (4, 16), (5, 30), (31, 30), (32, 30), (u32::MAX, 30)] {
            let wait = backoff.wait(failures);
            let full = Duration::from_secs(full);
            assert!(wait >= full / 2 && wait <= full, "{failures}: {wait:?}");
        }
    }
}
