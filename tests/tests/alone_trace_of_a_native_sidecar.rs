//! A sidecar that Kubernetes itself runs: an init container that is always restarted.

use tokio::task::block_in_place;
use tracestamp_tests::{Setting, expect_trace, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_native_sidecar_that_ends_after_the_steps_is_no_error() {
    let Some(shared) = shared() else { return };
    if shared.predates([1, 3], "native sidecars") {
        return;
    }
    let on = || Setting::change(&shared, "feature-flags", &[("enable-kubernetes-sidecar", "true")]);
    let on = block_in_place(on).unwrap();
    let trace = "
        task_run native-sidecar
          pod pod
            init_container place-scripts
            init_container prepare
            sidecar sidecar-server
          step use
        ";

    let played = expect_trace("native-sidecar", trace).await.unwrap();

    let pods = played.namespace.kubectl.get(&["pods"]).unwrap();
    let containers = pods["items"][0]["spec"]["initContainers"].as_array().unwrap();
    let native = containers.iter().find(|container| container["name"] == "sidecar-server").unwrap();
    assert_eq!(native["restartPolicy"], "Always");
    let [step, sidecar, pod] = ["step", "sidecar", "pod"].map(|what| played.trace.of(what).next().unwrap());
    assert_eq!(sidecar.tag("process.exit.code"), "143");
    assert!(step.container_end() <= sidecar.end);
    assert_eq!(pod.end, sidecar.end);
    block_in_place(|| drop(on));
}
