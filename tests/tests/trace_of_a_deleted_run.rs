//! A PipelineRun deleted while a step runs.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_deleted_while_it_runs_is_closed() {
    let trace = "
        pipeline_run RUN deleted [deleted]
          task_run slow [deleted]
            pod pod [Error]
              init_container place-scripts
              init_container prepare
            step slow [Error]
        ";
    expect_trace("deleted", trace).await;
}
