//! A TaskRun of its own that times out.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_run_that_times_out_tells_what_its_pod_did_last() {
    let trace = "
        task_run taskrun-timeout [TaskRunTimeout, timeout]
          pod pod [deleted, cancellation]
            init_container place-scripts
            init_container prepare
          step never [deleted, cancellation]
          step slow [deleted, cancellation]
        ";
    expect_trace("taskrun-timeout", trace).await;
}
