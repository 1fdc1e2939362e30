//! The cases of public reports, each made into a recording anew. The reports are named where a case is.

mod containers;
mod runs;
mod stamps;
mod taken;
mod texts;

use crate::call::{Call, spans};
use crate::dealing::assert_same_spans_however_dealt;
use crate::expect::{Row, expect};
use crate::golden_file::compare;
use crate::tree::text;
pub use runs::{embedded_child, label};

/// A recording and what is right for it.
pub struct Case {
    pub name: &'static str,
    pub record: fn() -> Vec<Call>,
    pub rows: &'static [Row<'static>],
}

impl Case {
    pub fn check(&self) {
        expect(self.name, &spans(&(self.record)()), self.rows);
    }
}

const ALL: [&Case; 16] = [
    &containers::START_ERROR,
    &containers::LOST_WHILE_IT_RAN,
    &containers::SIDECAR_USES_UP_THE_GRACE_PERIOD,
    &containers::OOM_KILLED_WITH_EXIT_CODE_0,
    &containers::STEP_TIMEOUT,
    &containers::SANDBOX_MADE_AGAIN,
    &taken::TAKEN_AWAY,
    &taken::CANCELLED,
    &texts::EVICTED_FOR_ITS_STORAGE,
    &texts::INIT_CONTAINER_FAILS,
    &texts::TIMEOUT_QUOTES_THE_STATUS_BEFORE,
    &runs::PIPELINE_IN_A_PIPELINE,
    &runs::PIPELINE_IN_A_PIPELINE_NEVER_STAMPED,
    &runs::ANNOTATIONS_OF_PIPELINES_AS_CODE,
    &runs::APPROVAL_GATE,
    &runs::ONE_TRACE_THROUGH_KONFLUX,
];

#[test]
fn replicas_that_share_nothing_give_the_same_spans_as_one() {
    for case in ALL {
        assert_same_spans_however_dealt(case.name, &(case.record)());
    }
}

#[test]
fn every_case_gives_the_trace_on_file() {
    for case in ALL {
        compare(&format!("tests/weather/golden/{}.txt", case.name), &text(&spans(&(case.record)())));
    }
}
