//! A Pod evicted through the Eviction API.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_pod_fails_its_task_run() {
    let trace = "
        task_run pod-evicted [Failed]
          pod pod [EvictionByEvictionAPI, error]
            init_container place-scripts
            init_container prepare
          step slow [EvictionByEvictionAPI, error]
        ";
    expect_trace("pod-evicted", trace).await;
}
