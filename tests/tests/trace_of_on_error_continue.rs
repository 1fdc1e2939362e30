//! A step that fails with `onError: continue`.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_tolerated_failure_is_an_error_of_the_step_alone() {
    let trace = "
        pipeline_run RUN on-error-continue
          task_run tolerant
            pod pod
              init_container place-scripts
              init_container prepare
            step fail [Continued]
            step go-on
        ";
    expect_trace("on-error-continue", trace).await;
}
