//! The registration's conditions.

use tracestamp_tests::{expect_trace, shared};

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn conditions_keep_calls_back_and_never_fail() {
    let Some(shared) = shared() else { return };
    expect_trace("taskrun", TASK_RUN).await.unwrap();

    for webhook in ["runs.observe.tracestamp.dev", "pods.observe.tracestamp.dev"] {
        let name = format!("name=\"{webhook}\"");
        let sum = |metric| shared.kubectl.api_server_metric(metric, &[&name]).unwrap();
        let excluded = sum("apiserver_admission_match_condition_exclusions_total");
        let broken = sum("apiserver_admission_match_condition_evaluation_errors_total");
        assert!(excluded > 0, "{webhook}: every update was sent");
        assert_eq!(broken, 0, "{webhook}: a condition failed");
    }
}
