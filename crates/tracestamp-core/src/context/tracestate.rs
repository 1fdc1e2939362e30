//! The W3C `tracestate` value and OpenTelemetry's member `ot` in it.
//!
//! Other vendors' members are passed on as they are; of `ot` only the sub-key `th` is ours to change (OpenTelemetry
//! specification, "TraceState handling").

use std::borrow::Cow;

use super::TraceId;
use super::id::parse_hex;

/// The most that is taken over from a creator: W3C asks vendors to pass on at least this much.
pub const TRACESTATE_LIMIT: usize = 512;

/// The most members W3C allows.
const MEMBERS_LIMIT: usize = 32;

/// Whether a `tracestate` can be taken over: short enough, printable ASCII, and `key=value` in every member.
pub fn acceptable(tracestate: &str) -> bool {
    let member = |member: &str| {
        let member = member.trim_matches([' ', '\t']);
        member.is_empty() || member.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
    };
    tracestate.len() <= TRACESTATE_LIMIT
        && tracestate.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
        && tracestate.split(',').count() <= MEMBERS_LIMIT
        && tracestate.split(',').all(member)
}

/// Whether the member's threshold agrees with the decision `sampled` for this trace; one without threshold does.
pub fn agrees(tracestate: &str, trace: TraceId, sampled: bool) -> bool {
    let Some(ot) = ot(tracestate) else { return true };
    let Some(th) = sub_key(ot, "th") else { return true };
    let randomness = sub_key(ot, "rv").map_or(Some(trace.randomness()), |rv| padded(rv).filter(|_| rv.len() == 14));
    match (padded(th), randomness) {
        (Some(threshold), Some(randomness)) => sampled && randomness >= threshold,
        _ => false,
    }
}

/// The same with `th` set to `th`, or without it. As W3C asks, a changed member comes first.
pub fn with_threshold<'a>(tracestate: &'a str, th: Option<&str>) -> Cow<'a, str> {
    let old = ot(tracestate);
    if old.and_then(|ot| sub_key(ot, "th")) == th {
        return Cow::Borrowed(tracestate);
    }
    let subs = old.into_iter().flat_map(|ot| ot.split(';')).map(|sub| sub.trim_matches([' ', '\t']));
    let kept = subs.filter(|sub| !sub.starts_with("th:") && !sub.is_empty());
    let subs: Vec<_> = th.map(|th| Cow::Owned(format!("th:{th}"))).into_iter().chain(kept.map(Cow::Borrowed)).collect();
    let ours = (!subs.is_empty()).then(|| format!("ot={}", subs.join(";")));
    let others = members(tracestate).filter(|member| !member.starts_with("ot=")).map(str::to_owned);
    Cow::Owned(ours.into_iter().chain(others).collect::<Vec<_>>().join(","))
}

fn members(tracestate: &str) -> impl Iterator<Item = &str> {
    tracestate.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
}

fn ot(tracestate: &str) -> Option<&str> {
    members(tracestate).find_map(|member| member.strip_prefix("ot="))
}

fn sub_key<'a>(ot: &'a str, key: &str) -> Option<&'a str> {
    ot.split(';').find_map(|sub| sub.strip_prefix(key)?.strip_prefix(':'))
}

/// Up to 14 hex digits, filled up with zeros on the right.
fn padded(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 14 {
        return None;
    }
    let mut bytes = [0; 8];
    parse_hex(format!("00{digits:0<14}").as_bytes(), &mut bytes)?;
    Some(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_printable_well_formed_lists_are_taken_over() {
        for good in ["", "ot=th:0", "a=1, b=2", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1,,b=2"] {
            assert!(acceptable(good), "{good}");
        }
        let long = format!("a={}", "x".repeat(TRACESTATE_LIMIT));
        let many = vec!["a=1"; 33].join(",");
        for bad in ["a", "=1", "a=", "a=\u{7}", "a=é", "a=1\n", long.as_str(), many.as_str()] {
            assert!(!acceptable(bad), "{bad}");
        }
    }

    #[test]
    fn a_threshold_is_set_replaced_and_erased_and_other_members_are_kept() {
        for (before, th, after) in [
            ("", Some("0"), "ot=th:0"),
            ("a=1", Some("c"), "ot=th:c,a=1"),
            ("a=1,ot=rv:00000000000001;th:8", Some("0"), "ot=th:0;rv:00000000000001,a=1"),
            ("a=1,ot=th:8", None, "a=1"),
            ("ot=th:8", None, ""),
            ("ot=th:8;x:y", None, "ot=x:y"),
            ("a=1,ot=th:8", Some("8"), "a=1,ot=th:8"),
            // Found by the fuzzer: a sub-key of blanks alone would stand as an empty member.
            ("a=0,ot= ;th:", None, "a=0"),
        ] {
            assert_eq!(with_threshold(before, th), after, "{before}");
        }
    }

    #[test]
    fn a_threshold_that_contradicts_the_decision_is_noticed() {
        let trace = TraceId::parse("00000000000000000080000000000000").unwrap();
        for (tracestate, sampled, agree) in [
            ("", false, true),
            ("a=1", true, true),
            ("ot=th:8", true, true),
            ("ot=th:8", false, false),
            ("ot=th:81", true, false),
            ("ot=th:81;rv:ffffffffffffff", true, true),
            ("ot=th:zz", true, false),
            ("ot=th:", true, false),
            ("ot=th:8;rv:short", true, false),
        ] {
            assert_eq!(agrees(tracestate, trace, sampled), agree, "{tracestate} {sampled}");
        }
    }
}
