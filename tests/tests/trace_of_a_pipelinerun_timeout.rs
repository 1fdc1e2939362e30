//! A PipelineRun that times out.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_run_that_times_out_ends_its_tasks() {
    let trace = "
        pipeline_run RUN pipelinerun-timeout [PipelineRunTimeout, timeout]
          task_run slow [TaskRunCancelled, timeout]
            pod pod [deleted, cancellation]
              init_container place-scripts
              init_container prepare
            step slow [deleted, cancellation]
        ";
    expect_trace("pipelinerun-timeout", trace).await;
}
