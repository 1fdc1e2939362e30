//! An image that the registry does not have.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_image_cannot_be_pulled_never_started() {
    let trace = "
        task_run image-pull [TaskRunImagePullFailed]
          pod pod [ContainerStatusUnknown]
            init_container prepare
          step unknown [ContainerStatusUnknown]
        ";
    expect_trace("image-pull", trace).await;
}
