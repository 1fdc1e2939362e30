//! A TaskRun without a PipelineRun.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_run_without_a_pipeline_is_a_root() {
    let trace = "
        task_run taskrun
          pod pod
            init_container place-scripts
            init_container prepare
          step one
          step two
        ";
    expect_trace("taskrun", trace).await;
}
