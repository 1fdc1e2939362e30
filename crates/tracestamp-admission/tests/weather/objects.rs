//! Objects as Tekton makes them, and what the kubelet and Tekton write into their statuses. Times are times of day.

use serde_json::{Value, json};

use crate::review::child;

/// The time of day on the day on which all happens; `-` is null and `1970` the epoch.
pub fn time(of_day: &str) -> String {
    format!("2026-12-03T{of_day}Z")
}

fn instant(of_day: &str) -> Value {
    match of_day {
        "-" => Value::Null,
        "1970" => json!("1970-01-01T00:00:00Z"),
        _ => json!(time(of_day)),
    }
}

/// A PipelineRun of a Pipeline that is named as it, without the dash.
pub fn pipeline_run(generate_name: &str) -> Value {
    let pipeline = generate_name.trim_end_matches('-');
    json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
           "metadata": {"generateName": generate_name, "namespace": "ci", "labels": {}},
           "spec": {"pipelineRef": {"name": pipeline}}})
}

/// The TaskRun of a task of a PipelineRun.
pub fn task_run(run: &Value, task: &str) -> Value {
    let spec = json!({"taskRef": {"name": task, "kind": "Task"}});
    run_of_task(run, task, json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "spec": spec}))
}

/// What a PipelineRun creates for one of its tasks. Labels are copied down, and those of the parent's own are set
/// (`tektoncd/pipeline` `pkg/reconciler/pipelinerun/pipelinerun.go` createChildResourceLabels).
pub fn run_of_task(run: &Value, task: &str, mut object: Value) -> Value {
    let name = run["metadata"]["name"].as_str().unwrap();
    let mut labels = run["metadata"]["labels"].clone();
    let pipeline = run["spec"]["pipelineRef"]["name"].as_str().unwrap_or(name);
    let known = labels["tekton.dev/pipeline"].as_str().unwrap_or(pipeline).to_owned();
    for (key, value) in [
        ("tekton.dev/pipeline", json!(known)),
        ("tekton.dev/pipelineRun", json!(name)),
        ("tekton.dev/pipelineRunUID", run["metadata"]["uid"].clone()),
        ("tekton.dev/pipelineTask", json!(task)),
        ("tekton.dev/memberOf", json!("tasks")),
    ] {
        labels[key] = value;
    }
    object["metadata"] = json!({"name": format!("{name}-{task}"), "namespace": "ci", "labels": labels});
    child(run, object)
}

/// The Pod of a TaskRun. `containers` are names; `init:` stands before an init container's, `native:` before that of one
/// that is restarted.
pub fn pod(task_run: &Value, containers: &str) -> Value {
    let name = task_run["metadata"]["name"].as_str().unwrap();
    let mut labels = task_run["metadata"]["labels"].clone();
    labels["tekton.dev/taskRun"] = json!(name);
    labels["tekton.dev/taskRunUID"] = task_run["metadata"]["uid"].clone();
    let (mut init, mut regular) = (Vec::new(), Vec::new());
    for word in containers.split_whitespace() {
        let (kind, name) = word.split_once(':').unwrap_or(("", word));
        let container = json!({"name": name, "image": format!("registry.example/tools/{name}:2")});
        match kind {
            "" => regular.push(container),
            "init" => init.push(container),
            _ => {
                let mut native = container;
                native["restartPolicy"] = json!("Always");
                init.push(native);
            }
        }
    }
    child(
        task_run,
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": format!("{name}-pod"), "namespace": "ci", "labels": labels},
               "spec": {"restartPolicy": "Never", "initContainers": init, "containers": regular},
               "status": {"phase": "Pending"}}),
    )
}

// ---- what the kubelet writes

pub fn waiting() -> Value {
    json!({"waiting": {"reason": "PodInitializing"}})
}

pub fn running(start: &str) -> Value {
    json!({"running": {"startedAt": time(start)}})
}

/// A termination; an empty time is one that is left out.
pub fn ended(code: i64, reason: &str, start: &str, end: &str) -> Value {
    let mut state = json!({"exitCode": code, "reason": reason, "containerID": "containerd://5e1f"});
    for (key, at) in [("startedAt", start), ("finishedAt", end)] {
        if !at.is_empty() {
            state[key] = instant(at);
        }
    }
    json!({"terminated": state})
}

/// What the kubelet says of a container that the runtime no longer knows (`pkg/kubelet/status/status_manager.go`).
pub fn unknown() -> Value {
    let message = "The container could not be located when the pod was terminated";
    said(ended(137, "ContainerStatusUnknown", "-", "-"), message)
}

/// A termination with a message.
pub fn said(mut state: Value, message: &str) -> Value {
    state["terminated"]["message"] = json!(message);
    state
}

/// A step's termination with what Tekton's entrypoint says: the start of its turn, and more.
pub fn step(state: Value, turn: &str, more: &[(&str, &str)]) -> Value {
    let turn = time(turn);
    let entries = std::iter::once(("StartedAt", &*turn)).chain(more.iter().copied());
    let entries: Vec<_> = entries.map(|(key, value)| json!({"key": key, "value": value, "type": 3})).collect();
    said(state, &json!(entries).to_string())
}

/// Sets the phase and the states of containers of a Pod; those of the others stay.
pub fn set(pod: &mut Value, phase: &str, states: &[(&str, Value)]) {
    pod["status"]["phase"] = json!(phase);
    for (name, state) in states {
        status(pod, name)["state"] = state.clone();
    }
}

/// The status of a container, made when there is none. The kubelet sorts those of regular containers by name.
pub fn status<'p>(pod: &'p mut Value, name: &str) -> &'p mut Value {
    let init = pod["spec"]["initContainers"].as_array().unwrap().iter().any(|container| container["name"] == name);
    let list = &mut pod["status"][if init { "initContainerStatuses" } else { "containerStatuses" }];
    if list.is_null() {
        *list = json!([]);
    }
    let list = list.as_array_mut().unwrap();
    if !list.iter().any(|status| status["name"] == name) {
        list.push(json!({"name": name, "state": {}, "lastState": {}, "restartCount": 0, "image": "", "imageID": ""}));
    }
    if !init {
        list.sort_by_key(|status| status["name"].as_str().unwrap().to_owned());
    }
    list.iter_mut().find(|status| status["name"] == name).unwrap()
}

/// Sets a condition of a Pod.
pub fn condition(pod: &mut Value, kind: &str, value: &str, since: &str, reason: &str) {
    let condition = json!({"type": kind, "status": value, "lastTransitionTime": time(since), "reason": reason});
    let conditions = &mut pod["status"]["conditions"];
    if conditions.is_null() {
        *conditions = json!([]);
    }
    let conditions = conditions.as_array_mut().unwrap();
    conditions.retain(|condition| condition["type"] != kind);
    conditions.push(condition);
}

/// The Pod is scheduled and its sandbox is up.
pub fn prepared(pod: &mut Value, scheduled: &str, ready: &str) {
    condition(pod, "PodScheduled", "True", scheduled, "");
    condition(pod, "PodReadyToStartContainers", "True", ready, "");
}

/// The kubelet has ended the Pod, and its sandbox is gone.
pub fn failed(pod: &mut Value, at: &str, states: &[(&str, Value)]) {
    condition(pod, "PodReadyToStartContainers", "False", at, "");
    set(pod, "Failed", states);
}

// ---- what Tekton writes

/// Sets the condition `Succeeded` of a run that began at `start`.
pub fn succeeded(run: &mut Value, value: &str, reason: &str, message: &str, start: &str, end: &str) {
    let condition = json!({"type": "Succeeded", "status": value, "reason": reason, "message": message,
                           "lastTransitionTime": time(end)});
    run["status"]["conditions"] = json!([condition]);
    run["status"]["startTime"] = json!(time(start));
    if value != "Unknown" {
        run["status"]["completionTime"] = json!(time(end));
    }
}
