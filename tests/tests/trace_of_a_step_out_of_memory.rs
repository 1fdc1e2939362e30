//! A step that is killed for memory.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_step_killed_for_memory_is_an_error_of_the_infrastructure() {
    let trace = "
        task_run out-of-memory [Failed, error]
          pod pod [OOMKilled, error]
            init_container place-scripts
            init_container prepare
          step grow [OOMKilled, error]
        ";
    expect_trace("out-of-memory", trace).await;
}
