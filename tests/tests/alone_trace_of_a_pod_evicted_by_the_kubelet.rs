//! A Pod that the kubelet evicts because the node is short of memory.

use serde_json::json;
use tokio::task::block_in_place;
use tracestamp_tests::{OtherKubelet, await_running_step, expect_trace_while, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_evicted_by_the_kubelet_is_an_error_of_the_cluster() {
    let Some(shared) = shared() else { return };
    let trace = "
        task_run kubelet-evicts [Failed, error]
          pod pod [Evicted, error]
            init_container place-scripts
            init_container prepare
          step slow [Evicted, error]
        ";
    // Short of memory whatever is free, but not before this kubelet has looked at the containers that another one started:
    // it would not know how they ended. Without statistics of file systems it does not look at all.
    let settings = json!({
        "evictionSoft": {"memory.available": "99%"},
        "evictionSoftGracePeriod": {"memory.available": "10s"},
        "evictionMaxPodGracePeriod": 1,
        "evictionPressureTransitionPeriod": "1s",
        "localStorageCapacityIsolation": true,
    });
    let settings = settings.as_object().cloned().unwrap();

    let (played, kubelet) = expect_trace_while("kubelet-evicts", trace, |namespace| {
        await_running_step(&namespace.kubectl)?;
        OtherKubelet::start(&shared, settings)
    })
    .await
    .unwrap();

    let [task_run, pod, step] = ["task_run", "pod", "step"].map(|what| played.trace.of(what).next().unwrap());
    assert_eq!(task_run.tag("cicd.pipeline.task.run.result"), "error");
    assert!(task_run.tag("otel.status_description").starts_with("The node was low on resource: memory"));
    assert_eq!(pod.tag("k8s.pod.status.phase"), "Failed");
    assert_eq!(pod.tag("k8s.pod.status.reason"), "Evicted");
    assert_eq!(pod.tag("tracestamp.result"), "error");
    assert_eq!(pod.end, step.container_end());
    block_in_place(|| kubelet.put_back()).unwrap();
}
