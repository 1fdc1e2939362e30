//! A task that fails, and a finally task.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn finally_tasks_are_told_after_a_failure() {
    let trace = "
        pipeline_run RUN finally [Failed]
          task_run clean
            pod pod
              init_container place-scripts
              init_container prepare
            step clean
          task_run fail [Failed]
            pod pod [Error]
              init_container place-scripts
              init_container prepare
            step fail [Error]
          finally finally
        ";
    expect_trace("finally", trace).await;
}
