//! A custom task.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_run_is_told() {
    let trace = "
        pipeline_run RUN customrun
          custom_run approve
        ";
    expect_trace("customrun", trace).await;
}
