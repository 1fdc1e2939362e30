//! `kubectl create --dry-run=server` and `kubectl apply --server-side`.

use tracestamp_tests::{Kubectl, Tracestamp, shared};

const RUN: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "dry"},
    "spec": {"taskSpec": {"steps": [{"name": "never", "image": "test.local/busybox:1", "command": ["true"]}]}}
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_stamp_and_creates_nothing() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("dry").unwrap();

    let output = namespace.kubectl.run_with(&["create", "--dry-run=server", "-o", "json", "-f", "-"], RUN).unwrap();

    assert!(output.contains("tracestamp.dev/traceparent"), "{output}");
    assert_eq!(namespace.kubectl.run(&["get", "taskruns", "-o", "name"]).unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_side_apply_twice_keeps_the_stamp_without_a_conflict() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("apply").unwrap();
    let apply = ["apply", "--server-side", "-f", "-"];

    namespace.kubectl.run_with(&apply, RUN).unwrap();
    let first = traceparent(&namespace.kubectl);
    namespace.kubectl.run_with(&apply, RUN).unwrap();

    assert!(!first.is_empty());
    assert_eq!(traceparent(&namespace.kubectl), first);
}

fn traceparent(kubectl: &Kubectl) -> String {
    kubectl
        .run(&["get", "taskrun", "dry", "-o", r"jsonpath={.metadata.annotations.tracestamp\.dev/traceparent}"])
        .unwrap()
}
