//! Consistent probability sampling (OpenTelemetry specification, "TraceState: Probability Sampling").

use std::borrow::Cow;
use std::str::FromStr;

use super::TraceId;

const RANGE: u64 = 1 << 56;

/// Decides from the trace id alone, so that all replicas decide alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sampler {
    /// A trace is recorded when its randomness is not below this.
    threshold: u64,
}

impl Sampler {
    /// Records every trace.
    pub const ALWAYS: Self = Self { threshold: 0 };

    /// Records the share `ratio` of all traces; `None` when that is no number from 0 to 1.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 2^56"
    )]
    pub fn ratio(ratio: f64) -> Option<Self> {
        (0.0..=1.0).contains(&ratio).then(|| {
            let exact = ((1.0 - ratio) * RANGE as f64).round() as u64;
            // Four digits after the leading `f`s, the precision that the specification recommends: `th` stays short.
            let leading = (exact << 8).leading_ones() / 4;
            let unit = 1_u64 << (4 * 10_u32.saturating_sub(leading));
            Self { threshold: (exact + unit / 2) / unit * unit }
        })
    }

    /// Whether the trace is to be recorded.
    pub fn samples(self, trace_id: TraceId) -> bool {
        trace_id.randomness() >= self.threshold
    }

    /// `tracestate` with the threshold in the sub-key `th` of its member `ot`: 14 hex digits without trailing zeros.
    pub fn tracestate(self) -> Cow<'static, str> {
        match self.threshold {
            0 => Cow::Borrowed("ot=th:0"),
            threshold => format!("ot=th:{}", format!("{threshold:014x}").trim_end_matches('0')).into(),
        }
    }
}

impl FromStr for Sampler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::ratio).ok_or_else(|| "it is no number from 0 to 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_written_as_the_specification_shows_it() {
        for (ratio, th) in [(1.0, "0"), (0.25, "c"), (0.5, "8"), (0.1, "e666"), (0.001, "ffbe77")] {
            assert_eq!(Sampler::ratio(ratio).unwrap().tracestate(), format!("ot=th:{th}"), "{ratio}");
        }
    }

    #[test]
    fn the_low_56_bits_decide() {
        let trace = |low: &str| TraceId::parse(&format!("000000000000000001{low}")).unwrap();
        let quarter = Sampler::ratio(0.25).unwrap();
        assert!(quarter.samples(trace("c0000000000000")));
        assert!(!quarter.samples(trace("bfffffffffffff")));
        assert!(Sampler::ALWAYS.samples(trace("00000000000000")));
        assert!(!Sampler::ratio(0.0).unwrap().samples(trace("ffffffffffffff")));
    }

    #[test]
    fn a_ratio_outside_0_to_1_is_refused() {
        for text in ["1.1", "-0.1", "NaN", "inf", "half", ""] {
            assert!(text.parse::<Sampler>().is_err(), "{text}");
        }
    }
}
