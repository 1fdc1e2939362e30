//! Any text: what is read as a traceparent is shown in a form that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracestamp_core::context::Traceparent;

fuzz_target!(|text: &str| {
    let Ok(context) = Traceparent::parse(text) else { return };
    let shown = context.to_string();
    assert_eq!(Traceparent::parse(&shown), Ok(context));
    assert_eq!(text.get(3..52), shown.get(3..52), "the ids are shown as they were written");
});
