//! A matrix of two, and a task after it.

use tracestamp_tests::expect_trace;

use crate::outlines::MATRIX;

#[tokio::test(flavor = "multi_thread")]
async fn each_combination_is_a_task_run() {
    expect_trace("matrix", MATRIX).await;
}
