//! `kubectl create --dry-run=server` and `kubectl apply --server-side`.

use std::time::Duration;

use tracestamp_tests::{Kubectl, Metrics, Tracestamp, poll, shared};

const RUN: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "dry"},
    "spec": {"taskSpec": {"steps": [{"name": "never", "image": "test.local/busybox:1", "command": ["true"]}]}}
}"#;

const SLOW: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "slow"},
    "spec": {"taskSpec": {"steps": [{"name": "wait", "image": "test.local/busybox:1", "command": ["sleep", "600"]}]}}
}"#;

/// The end of the run, as Tekton would write it.
const RUN_ENDS: &str = r#"{"status": {"completionTime": "2030-01-01T00:00:00Z", "conditions": [
    {"type": "Succeeded", "status": "False", "reason": "Failed", "lastTransitionTime": "2030-01-01T00:00:00Z"}
]}}"#;

/// The end of its Pod, as the kubelet would.
const POD_ENDS: &str = r#"{"status": {"phase": "Failed", "containerStatuses": [{
    "name": "step-wait", "image": "test.local/busybox:1", "imageID": "", "ready": false, "restartCount": 0,
    "lastState": {}, "state": {"terminated": {"exitCode": 1, "reason": "Error",
        "startedAt": "2030-01-01T00:00:00Z", "finishedAt": "2030-01-01T00:00:01Z"}}
}]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_stamp_and_creates_nothing() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("dry").unwrap();

    let output = namespace.kubectl.run_with(&["create", "--dry-run=server", "-o", "json", "-f", "-"], RUN).unwrap();

    assert!(output.contains("tracestamp.dev/traceparent"), "{output}");
    assert_eq!(namespace.kubectl.run(&["get", "taskruns", "-o", "name"]).unwrap(), "");
    assert_eq!(tracestamp.metrics().unwrap().sum("tracestamp_spans_recorded_total", &[]), 0);
    tracestamp.finish().unwrap();
    assert_eq!(tracestamp.tee.all(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_and_the_deletion_of_a_run_leave_no_span_when_they_are_only_tried() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("dry").unwrap();
    let kubectl = &namespace.kubectl;
    kubectl.create(SLOW).unwrap();
    poll("a running step", Duration::from_mins(2), || {
        let running = r#"jsonpath={.items[*].status.containerStatuses[?(@.name=="step-wait")].state.running}"#;
        Ok((!kubectl.run(&["get", "pods", "-o", running])?.is_empty()).then_some(()))
    })
    .unwrap();
    let before = tracestamp.metrics().unwrap();

    let patch = ["--subresource=status", "--type=merge", "--dry-run=server", "--patch"];
    kubectl.run(&[&["patch", "taskrun", "slow"], &patch[..], &[RUN_ENDS]].concat()).unwrap();
    kubectl.run(&[&["patch", "pod", "slow-pod"], &patch[..], &[POD_ENDS]].concat()).unwrap();
    kubectl.run(&["delete", "taskrun", "slow", "--dry-run=server"]).unwrap();
    kubectl.run(&["delete", "pod", "slow-pod", "--dry-run=server", "--grace-period=0", "--force"]).unwrap();

    let after = tracestamp.metrics().unwrap();
    for review in [r#"kind="TaskRun",operation="#, r#"kind="Pod",operation="#] {
        for operation in ["UPDATE", "DELETE"] {
            let labels = [&format!("{review}\"{operation}\""), r#"webhook="observe""#, r#"outcome="dry_run""#];
            let came = |metrics: &Metrics| metrics.sum("tracestamp_reviews_total", &labels);
            assert!(came(&after) > came(&before), "{review}{operation}: the dry run did not come");
        }
    }
    let recorded = |metrics: &Metrics| metrics.sum("tracestamp_spans_recorded_total", &[]);
    assert_eq!(recorded(&after), recorded(&before));

    // The same for earnest gives each span once.
    kubectl.run(&["delete", "taskrun", "slow"]).unwrap();
    poll("the Pod's end", Duration::from_mins(2), || {
        Ok(kubectl.run(&["get", "pods", "-o", "name"])?.is_empty().then_some(()))
    })
    .unwrap();
    tracestamp.finish().unwrap();
    let sent = tracestamp.tee.all();
    for what in ["task_run", "pod", "step"] {
        let spans: Vec<_> = sent.iter().filter(|sent| sent.tag("tracestamp.span") == what).collect();
        assert_eq!(spans.len(), 1, "{what}: {spans:?}");
    }
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
