//! An image that the registry does not have.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_image_cannot_be_pulled_never_started() {
    let trace = "
        task_run image-pull [TaskRunImagePullFailed, error]
          pod pod [deleted, cancellation]
            init_container prepare
          step unknown [deleted, cancellation]
        ";
    let Some(played) = expect_trace("image-pull", trace).await else { return };
    assert_eq!(played.trace.of("step").next().unwrap().tag("tracestamp.step.started"), "false");
}
