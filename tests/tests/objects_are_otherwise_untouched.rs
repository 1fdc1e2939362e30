//! The objects of a run with tracestamp differ from those without in nothing but our annotations, Tekton's two carriers,
//! the `status.spanContext` that Tekton makes of them, and the environment of containers.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Namespace, Scenario, Tracestamp, poll, shared};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_success() {
    expect_untouched("success");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_failure_with_a_retry() {
    expect_untouched("fail-retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_sidecar() {
    expect_untouched("sidecar");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_task_run() {
    expect_untouched("taskrun");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_matrix() {
    expect_untouched("matrix");
}

fn expect_untouched(scenario: &str) {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::start(&shared).unwrap();
    let (without, with) = block_in_place(|| {
        let with = tracestamp.namespace(scenario).unwrap();
        let without = shared.namespace(scenario, &[]).unwrap();
        thread::scope(|threads| {
            let with = threads.spawn(|| objects(scenario, &with));
            (objects(scenario, &without), with.join().unwrap())
        })
    });

    assert!(with.values().any(is_stamped), "nothing was stamped");
    assert!(!without.values().any(is_stamped), "the comparison is with stamped objects");
    assert_eq!(with.keys().collect::<Vec<_>>(), without.keys().collect::<Vec<_>>());
    let mut differences = Vec::new();
    for (name, object) in &with {
        differ(name, &plain(object), &plain(&without[name]), &mut differences);
    }
    assert!(differences.is_empty(), "with and without tracestamp differ:\n{}", differences.join("\n"));
}

/// Plays the scenario and gives what there is when nothing changes any more, by kind and an equal name for equal parts.
fn objects(scenario: &str, namespace: &Namespace) -> BTreeMap<String, Value> {
    Scenario::load(scenario).unwrap().play(namespace).unwrap();
    let kubectl = &namespace.kubectl;
    poll("the Pods' end", Duration::from_mins(2), || {
        let phases = kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"])?;
        Ok(phases.split(' ').all(|phase| matches!(phase, "Succeeded" | "Failed")).then_some(()))
    })
    .unwrap();
    let list = kubectl.get(&["pipelineruns,taskruns,customruns,pods,persistentvolumeclaims"]).unwrap();
    let list = list["items"].as_array().unwrap();
    let run = list.iter().find(|object| object["metadata"]["ownerReferences"].is_null()).unwrap();
    let run = run["metadata"]["name"].as_str().unwrap();
    let text = |value: &Value| {
        let known = value.to_string().replace(run, "RUN").replace(&namespace.name, "NAMESPACE");
        serde_json::from_str::<Value>(&known).unwrap()
    };
    let objects = list.iter().map(text);
    objects.map(|object| (format!("{} {}", object["kind"], object["metadata"]["name"]), object)).collect()
}

fn is_stamped(object: &Value) -> bool {
    object["metadata"]["annotations"]["tracestamp.dev/traceparent"].is_string()
}

/// Without what tracestamp may add, and without what is another with each run.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| {
            let ours = key.starts_with("tracestamp.dev/") || key.ends_with(".tracestamp.dev/traceparent");
            !ours && !matches!(&**key, "tekton.dev/pipelinerunSpanContext" | "tekton.dev/taskrunSpanContext")
        });
        if annotations.is_empty() {
            remove(&mut object["metadata"], "annotations");
        }
    }
    remove(&mut object["status"], "spanContext");
    // A past attempt's status is kept whole.
    for attempt in object["status"]["retriesStatus"].as_array_mut().into_iter().flatten() {
        remove(attempt, "spanContext");
    }
    // Whether Tekton looks once more after a sidecar's end is a race of its own.
    for sidecar in object["status"]["sidecars"].as_array_mut().into_iter().flatten() {
        for told in ["imageID", "running", "terminated", "waiting"] {
            remove(sidecar, told);
        }
    }
    if object["kind"] == "Pod" {
        // What the kubelet reads off a cgroup that it may not have filled in yet.
        remove(&mut object["status"], "resources");
        // It turns False when the sandbox is gone, at some instant after the Pod's end.
        for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
            if condition["type"] == "PodReadyToStartContainers" {
                remove(condition, "status");
            }
        }
    }
    for list in ["containers", "initContainers"] {
        for container in object["spec"][list].as_array_mut().into_iter().flatten() {
            without_ours(container);
        }
    }
    normalised("", &object)
}

fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().into_iter().for_each(|object| drop(object.remove(key)));
}

fn without_ours(container: &mut Value) {
    let Some(container) = container.as_object_mut() else { return };
    let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) else { return };
    env.retain(|variable| !matches!(variable["name"].as_str(), Some("TRACEPARENT" | "TRACESTATE")));
    if env.is_empty() {
        container.remove("env");
    }
}

/// Fields whose value is another with each object.
const VARYING: &[&str] = &[
    "uid",
    "resourceVersion",
    "containerID",
    "podIP",
    "ip",
    "pipelineRunUID",
    "tekton.dev/pipelineRunUID",
    "tekton.dev/taskRunUID",
];

fn normalised(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(key, _)| *key != "managedFields");
            Value::Object(fields.map(|(key, value)| (key.clone(), normalised(key, value))).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| normalised(key, item)).collect();
            // Tekton lists children in the order of a map.
            if key == "childReferences" {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::String(_) if VARYING.contains(&key) => Value::String(key.to_owned()),
        Value::String(text) => Value::String(words(text)),
        other => other.clone(),
    }
}

/// A text with generated suffixes, times and ids taken out of it, word by word.
fn words(text: &str) -> String {
    // What the entrypoint tells of a step, and Tekton's scripts in base64, are texts in a text.
    if let Ok(list @ Value::Array(_)) = serde_json::from_str::<Value>(text) {
        return normalised("", &list).to_string();
    }
    let mut result = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || matches!(character, '-' | ':' | '.' | '+') {
            word.push(character);
            continue;
        }
        result.push_str(&known(&word));
        result.push(character);
        word.clear();
    }
    result.pop();
    result
}

fn known(word: &str) -> String {
    if word.parse::<jiff::Timestamp>().is_ok() {
        return "TIME".to_owned();
    }
    let Some((stem, suffix)) = word.rsplit_once('-') else { return word.to_owned() };
    // What names.SimpleNameGenerator and Tekton's copy of it append: consonants and digits.
    let generated =
        suffix.len() == 5 && suffix.chars().all(|character| "bcdfghjklmnpqrstvwxz2456789".contains(character));
    if generated { format!("{stem}-SUFFIX") } else { word.to_owned() }
}

fn differ(path: &str, with: &Value, without: &Value, differences: &mut Vec<String>) {
    match (with, without) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differ(&format!("{path}.{key}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{index}]"), a, b, differences);
            }
        }
        _ if with == without => {}
        _ => differences.push(format!("{path}: with {with}, without {without}")),
    }
}
