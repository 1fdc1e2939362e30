//! Any text: a threshold that is set is found, other vendors' members stay, and an acceptable value stays one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracestamp_core::context::TraceId;
use tracestamp_core::context::tracestate::{TRACESTATE_LIMIT, acceptable, agrees, with_threshold};

fn others(tracestate: &str) -> Vec<&str> {
    let members = tracestate.split(',').map(|member| member.trim_matches([' ', '\t']));
    members.filter(|member| !member.is_empty() && !member.starts_with("ot=")).collect()
}

fuzz_target!(|text: &str| {
    let trace = TraceId::from_bytes([0xff; 16]).expect("not zero");
    for sampled in [true, false] {
        agrees(text, trace, sampled);
    }
    for th in [Some("0"), Some("8"), None] {
        let set = with_threshold(text, th);
        assert_eq!(with_threshold(&set, th), set, "setting it again changes nothing");
        if !acceptable(text) {
            continue;
        }
        assert_eq!(others(&set), others(text));
        assert!(acceptable(&set) || set.len() > TRACESTATE_LIMIT || set.split(',').count() > 32, "{set:?}");
        // A creator's rv of the wrong length disagrees with everything.
        if th.is_some() && !set.contains("rv:") {
            assert!(agrees(&set, trace, true), "{set:?}");
            assert!(!agrees(&set, trace, false), "{set:?}");
        }
    }
});
