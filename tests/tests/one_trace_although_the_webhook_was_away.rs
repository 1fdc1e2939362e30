//! The webhook is stopped between the CREATE of a PipelineRun and that of its TaskRun, and the other way round.

use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Jaeger, Namespace, Tracestamp, poll, shared};

const RUN: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "away-"},
    "spec": {"status": "PipelineRunPending", "pipelineSpec": {"tasks": [{"name": "build", "taskSpec": {"steps": [
        {"name": "slow", "image": "test.local/busybox:1", "command": ["sleep", "8"]}
    ]}}]}}
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_without_the_webhook_still_joins_the_trace_of_its_run() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("away").unwrap();
    let run = create(&namespace);
    tracestamp.take_webhook().unwrap().kill();

    block_in_place(|| {
        start(&namespace, &run);
        await_pod(&namespace);
        tracestamp.start_webhook().unwrap();
    });

    // The init container had ended before anybody looked again.
    let trace = "
        pipeline_run RUN away
          task_run build
            pod pod
            step slow
        ";
    let id = trace_id(&namespace, "pipelinerun");
    let trace = Jaeger::new(&shared).unwrap().expect(&id, trace).await.unwrap();
    let mut ids: Vec<_> = trace.spans.iter().map(|span| &span.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), trace.spans.len(), "an id twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_created_without_the_webhook_is_found_by_its_task_run() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let namespace = tracestamp.namespace("away").unwrap();
    tracestamp.take_webhook().unwrap().kill();
    let run = create(&namespace);
    assert_eq!(run.pointer("/metadata/annotations/tracestamp.dev~1traceparent"), None);

    block_in_place(|| {
        tracestamp.start_webhook().unwrap();
        start(&namespace, &run);
        await_pod(&namespace);
    });

    let trace = "
        pipeline_run RUN away
          task_run build
            pod pod
              init_container prepare
            step slow
        ";
    let id = trace_id(&namespace, "taskrun");
    Jaeger::new(&shared).unwrap().expect(&id, trace).await.unwrap();
}

fn create(namespace: &Namespace) -> Value {
    namespace.kubectl.create(RUN).unwrap().remove(0)
}

fn start(namespace: &Namespace, run: &Value) {
    let name = run["metadata"]["name"].as_str().unwrap();
    let patch = r#"[{"op": "remove", "path": "/spec/status"}]"#;
    namespace.kubectl.run(&["patch", "pipelinerun", name, "--type=json", "--patch", patch]).unwrap();
}

fn await_pod(namespace: &Namespace) {
    poll("a running Pod", Duration::from_secs(30), || {
        let phase = namespace.kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"])?;
        Ok((phase == "Running").then_some(()))
    })
    .unwrap();
}

fn trace_id(namespace: &Namespace, kind: &str) -> String {
    let column = r"jsonpath={.items[0].metadata.annotations.tracestamp\.dev/traceparent}";
    let traceparent = namespace.kubectl.run(&["get", kind, "-o", column]).unwrap();
    traceparent.split('-').nth(1).unwrap_or_else(|| panic!("{kind}: no traceparent")).to_owned()
}
