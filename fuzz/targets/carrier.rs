//! Any text in every form of carrier: no panic, and nothing is taken over that could not be passed on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracestamp_core::CarrierFormat;
use tracestamp_core::context::tracestate::acceptable;
use tracestamp_core::context::{Carried, Traceparent};

fuzz_target!(|text: &str| {
    for format in [CarrierFormat::W3c, CarrierFormat::Json, CarrierFormat::B3, CarrierFormat::Binary] {
        let Some(carried) = Carried::parse(format, text) else { continue };
        assert!(acceptable(&carried.tracestate), "{carried:?}");
        assert!(carried.decided || !carried.context.flags.sampled(), "{carried:?}");
        assert_eq!(Traceparent::parse(&carried.context.to_string()), Ok(carried.context));
        assert_eq!(carried.clone().into_owned(), carried);
    }
});
