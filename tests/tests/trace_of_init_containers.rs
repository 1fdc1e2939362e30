//! A TaskRun with a script and a working directory.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn each_init_container_is_told() {
    let trace = "
        task_run init
          pod pod
            init_container place-scripts
            init_container prepare
            init_container working-dir-initializer
          step script
        ";
    expect_trace("init", trace).await;
}
