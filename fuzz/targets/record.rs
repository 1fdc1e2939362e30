//! Any bytes as a span record: no panic, and what can be read can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracestamp_core::span::{decode, encode};

fuzz_target!(|payload: &[u8]| {
    let Ok(record) = decode(payload) else { return };
    let written = encode(&record, Vec::new()).expect("a record that was read can be written");
    let read = decode(&written).expect("a record that was written can be read");
    // Compared as bytes: a double may be NaN.
    assert_eq!(encode(&read, Vec::new()).expect("a record that was read can be written"), written);
});
