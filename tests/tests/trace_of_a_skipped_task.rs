//! A task that its `when` skips.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_task_has_no_span() {
    let trace = "
        pipeline_run RUN when-skipped
          task_run build
            pod pod
              init_container place-scripts
              init_container prepare
            step show
        ";
    expect_trace("when-skipped", trace).await;
}
