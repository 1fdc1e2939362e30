//! A matrix of two, and a task after it.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn each_combination_is_a_task_run() {
    let trace = "
        pipeline_run RUN matrix
          task_run after
            pod pod
              init_container place-scripts
              init_container prepare
            step show
          task_run platforms
            pod pod
              init_container place-scripts
              init_container prepare
            step show
          task_run platforms
            pod pod
              init_container place-scripts
              init_container prepare
            step show
        ";
    expect_trace("matrix", trace).await;
}
