//! What each recording gives, as text to read and to review.

use std::path::Path;

use crate::recording::{ALL, calls, spans};
use crate::stamped::as_in_life;
use crate::tree::text;

/// Compares with `tests/golden/{name}.txt`; `UPDATE_GOLDEN=1` writes it instead.
fn compare(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == now, "{name} gives another trace now; UPDATE_GOLDEN=1 accepts it:\n{now}");
}

#[test]
fn every_recording_gives_the_trace_on_file() {
    for name in ALL {
        compare(name, &text(&spans(&calls(name))));
    }
}

#[test]
fn with_stamps_as_in_life_the_traces_are_the_same_but_for_the_creators_parent() {
    for name in ["fail", "sidecar", "success"] {
        compare(&format!("{name}-stamped"), &text(&spans(&as_in_life(&calls(name)))));
    }
}
