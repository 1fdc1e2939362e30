//! The registration's conditions.

use tracestamp_tests::{Kubectl, expect_trace, shared};

#[tokio::test(flavor = "multi_thread")]
async fn conditions_keep_calls_back_and_never_fail() {
    let Some(shared) = shared() else { return };
    let trace = "
        task_run taskrun
          pod pod
            init_container place-scripts
            init_container prepare
          step one
          step two
        ";
    expect_trace("taskrun", trace).await.unwrap();

    for webhook in ["runs.observe.tracestamp.dev", "pods.observe.tracestamp.dev"] {
        let excluded = metric(&shared.kubectl, "apiserver_admission_match_condition_exclusions_total", webhook);
        let broken = metric(&shared.kubectl, "apiserver_admission_match_condition_evaluation_errors_total", webhook);
        assert!(excluded > 0, "{webhook}: every update was sent");
        assert_eq!(broken, 0, "{webhook}: a condition failed");
    }
}

/// The sum of the API server's counter for `webhook`, over everything else that it is split by.
fn metric(kubectl: &Kubectl, name: &str, webhook: &str) -> u64 {
    let metrics = kubectl.run(&["get", "--raw=/metrics"]).unwrap();
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(&format!("name=\"{webhook}\"")));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
