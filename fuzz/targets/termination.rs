//! Any text as a termination message, plain and as what a compressed one inflates to.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use tracestamp_core::kind::Termination;

fuzz_target!(|text: &str| {
    let told = Termination::parse(text);
    if !text.starts_with("tknz:") {
        // Nobody finds the way through base64 and DEFLATE by flipping bits.
        let compressed = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 1);
        assert_eq!(Termination::parse(&format!("tknz:{}", STANDARD.encode(compressed))), told);
    }
    let damaged = format!("tknz:{}", STANDARD.encode(text));
    Termination::parse(&damaged);
});
