//! A Pod whose init container fails: no step of it ever starts.

use tracestamp_tests::expect_trace;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_init_container_is_the_one_that_failed() {
    let trace = "
        task_run init-failed [Failed, error]
          pod pod [error]
            init_container place-scripts
            init_container prepare
            init_container working-dir-initializer [Error]
        ";
    let Some(played) = expect_trace("init-failed", trace).await else { return };

    let pod = played.trace.of("pod").next().unwrap();
    assert_eq!(pod.tag("tracestamp.result"), "error");
    assert_eq!(pod.tag("k8s.pod.status.phase"), "Failed");
    let failed = played.trace.of("init_container").find(|span| span.name == "working-dir-initializer").unwrap();
    assert_eq!(failed.tag("process.exit.code"), "1");
    assert_eq!(pod.end, failed.end);
}
