//! A TaskRun without a PipelineRun.

use tracestamp_tests::expect_trace;

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_run_without_a_pipeline_is_a_root() {
    expect_trace("taskrun", TASK_RUN).await;
}
