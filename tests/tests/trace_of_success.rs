//! A PipelineRun of three tasks that all succeed.

use tracestamp_tests::expect_trace;

use crate::outlines::SUCCESS;

#[tokio::test(flavor = "multi_thread")]
async fn success_gives_exactly_the_expected_trace() {
    expect_trace("success", SUCCESS).await;
}
