//! `TRACEPARENT` is in the environment of every step and is that step's own span: what a program sends hangs there.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_span_of_a_program_hangs_under_its_step() {
    let trace = "
        task_run traceparent
          pod pod
            init_container place-scripts
            init_container prepare
          step first
            foreign one
          step second
            foreign two
        ";
    expect_trace("traceparent", trace).await;
}
