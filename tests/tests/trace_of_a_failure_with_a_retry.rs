//! A task that is tried twice and fails.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_told_and_the_run_fails() {
    let trace = "
        pipeline_run RUN fail-retry [Failed]
          task_run flaky [Failed]
            attempt attempt 1 [Failed]
            attempt attempt 2 [Failed]
            pod pod [Error]
              init_container place-scripts
              init_container prepare
            pod pod [Error]
              init_container place-scripts
              init_container prepare
            step give-up [Error]
            step never [skip]
            step give-up [Error]
            step never [skip]
        ";
    expect_trace("fail-retry", trace).await;
}
