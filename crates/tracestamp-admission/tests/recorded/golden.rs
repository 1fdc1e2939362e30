//! The trace of each recording, as text: a change of behaviour is a diff in review.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::call::{RECORDINGS, calls, spans};
use crate::stamped_world::stamped_world;
use crate::tree;

/// Compares with `golden/{name}.txt` beside this file; `UPDATE_GOLDEN=1` writes it instead.
pub fn compare(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recorded/golden/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != now {
        let line = golden.lines().zip(now.lines()).take_while(|(golden, now)| golden == now).count();
        let of = |text: &str| text.lines().nth(line).unwrap_or("the end").trim().to_owned();
        panic!("{name}.txt, line {}: was `{}`, is `{}`; UPDATE_GOLDEN=1 accepts it", line + 1, of(&golden), of(now));
    }
}

#[test]
fn every_recording_gives_the_trace_on_file() {
    for name in RECORDINGS {
        let calls = calls(name);
        compare(name, &format!("{name}: {} reviews\n\n{}", calls.len(), tree::text(&spans(calls))));
    }
}

#[test]
fn every_stamped_recording_gives_the_trace_on_file() {
    for name in ["fail", "sidecar", "success"] {
        let world = stamped_world(name);
        compare(
            &format!("{name}-stamped"),
            &format!("{name}, stamped: {} reviews\n\n{}", world.calls.len(), tree::text(&spans(&world.calls))),
        );
    }
}

/// The trees show what matters; this shows which attributes there are at all, for the list is closed.
#[test]
fn no_span_has_an_attribute_that_is_not_on_file() {
    let mut keys: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for span in RECORDINGS.into_iter().flat_map(|name| spans(calls(name))) {
        let of = |attributes: &[tracestamp_core::span::Attribute<'_>]| {
            attributes.iter().map(|attribute| attribute.key.to_string()).collect::<Vec<_>>()
        };
        keys.entry(span.what.as_str()).or_default().extend(of(&span.attributes));
        keys.entry("resource").or_default().extend(of(&span.resource));
        keys.entry("event").or_default().extend(span.events.iter().flat_map(|event| of(&event.attributes)));
    }
    let text = keys.iter().map(|(what, keys)| {
        format!("{what}\n{}", keys.iter().map(|key| format!("  {key}\n")).collect::<String>())
    });
    compare("attributes", &text.collect::<String>());
}
