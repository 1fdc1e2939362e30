//! `spec.status: PipelineRunPending`, taken away later.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_later_tells_how_long_it_was_pending() {
    let trace = "
        pipeline_run RUN pending
          task_run build
            pod pod
              init_container place-scripts
              init_container prepare
            step show
        ";
    expect_trace("pending", trace).await;
}
