//! A TaskRun with a sidecar.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_tekton_ends_is_no_error() {
    let trace = "
        task_run sidecar
          pod pod
            init_container place-scripts
            init_container prepare
            sidecar sidecar-server
          step use
        ";
    expect_trace("sidecar", trace).await;
}
