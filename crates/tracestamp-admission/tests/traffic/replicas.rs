use crate::dealing::assert_same_spans_however_dealt;
use crate::recording::{ALL, calls};

#[test]
fn replicas_that_share_nothing_give_the_same_spans_as_one() {
    for name in ALL {
        assert_same_spans_however_dealt(name, &calls(name));
    }
}
