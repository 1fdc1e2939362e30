//! A Pod evicted through the Eviction API.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_pod_fails_its_task_run() {
    let trace = "
        task_run pod-evicted [Failed]
          pod pod [Error]
            init_container place-scripts
            init_container prepare
          step slow [Error]
        ";
    expect_trace("pod-evicted", trace).await;
}
