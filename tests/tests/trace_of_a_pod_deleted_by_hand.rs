//! A Pod deleted while its step runs.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_deleted_by_hand_fails_its_task_run() {
    let trace = "
        task_run pod-deleted [Failed]
          pod pod [deleted, cancellation]
            init_container place-scripts
            init_container prepare
          step slow [deleted, cancellation]
        ";
    expect_trace("pod-deleted", trace).await;
}
