//! A PipelineRun of three tasks that all succeed.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn success_gives_exactly_the_expected_trace() {
    let trace = "
        pipeline_run RUN success
          task_run build
            pod pod
              init_container place-scripts
              init_container prepare
            step check
            step compile
          task_run report
            pod pod
              init_container place-scripts
              init_container prepare
            step check
            step compile
          task_run test
            pod pod
              init_container place-scripts
              init_container prepare
            step check
            step compile
          finally finally
        ";
    expect_trace("success", trace).await;
}
