//! What each recording gives, as text to read and to review.

use crate::call::spans;
use crate::golden_file::compare;
use crate::recording::{ALL, calls};
use crate::stamped::as_in_life;
use crate::tree::text;

#[test]
fn every_recording_gives_the_trace_on_file() {
    for name in ALL {
        compare(&format!("tests/golden/{name}.txt"), &text(&spans(&calls(name))));
    }
}

#[test]
fn with_stamps_as_in_life_the_traces_are_the_same_but_for_the_creators_parent() {
    for name in ["fail", "sidecar", "success"] {
        compare(&format!("tests/golden/{name}-stamped.txt"), &text(&spans(&as_in_life(&calls(name)))));
    }
}
