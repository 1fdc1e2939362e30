//! The registration's rules, selectors and conditions.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::block_in_place;
use tracestamp_tests::{Namespace, Scenario, Shared, Tracestamp, expect_trace, poll, shared};

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn conditions_keep_calls_back_and_never_fail() {
    let Some(shared) = shared() else { return };
    let played = expect_trace("taskrun", TASK_RUN).await.unwrap();

    // Of some forty creates, updates and deletes of the two objects.
    let sent = played.tracestamp.metrics().unwrap().sum("tracestamp_reviews_total", &[]);
    assert!((4..=20).contains(&sent), "{sent} calls for a TaskRun of two steps");
    for webhook in ["runs.observe.tracestamp.dev", "pods.observe.tracestamp.dev"] {
        let name = format!("name=\"{webhook}\"");
        let sum = |metric| shared.kubectl.api_server_metric(metric, &[&name]).unwrap();
        let excluded = sum("apiserver_admission_match_condition_exclusions_total");
        let broken = sum("apiserver_admission_match_condition_evaluation_errors_total");
        assert!(excluded > 0, "{webhook}: every update was sent");
        assert_eq!(broken, 0, "{webhook}: a condition failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_to_be_traced_costs_no_call() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::start(&shared).unwrap();
    block_in_place(|| {
        let namespace = tracestamp.namespace("calls").unwrap();
        foreign_pod(&namespace);
        task_run(&namespace, &[("tracestamp.dev/inject", "disabled")]);
        let disabled = tracestamp.namespace("disabled").unwrap();
        let label = ["label", "namespace", &disabled.name, "tracestamp.dev/inject=disabled"];
        shared.kubectl.run(&label).unwrap();
        await_watch();
        Scenario::load("taskrun").unwrap().play(&disabled).unwrap();

        let metrics = tracestamp.metrics().unwrap();
        assert_eq!(metrics.sum("tracestamp_reviews_total", &[]), 0);
        task_run(&namespace, &[]);
        assert!(tracestamp.metrics().unwrap().sum("tracestamp_reviews_total", &[]) > 0, "nothing at all is sent");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_fails_stops_no_request() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::start(&shared).unwrap();
    block_in_place(|| {
        let namespace = tracestamp.namespace("broken").unwrap();
        let name = tracestamp.registration.as_ref().unwrap().name();
        break_conditions(&shared, name);

        task_run(&namespace, &[]);

        let broken = format!("name=\"{name}.broken.dev\"");
        let failed = "apiserver_admission_match_condition_evaluation_errors_total";
        assert!(shared.kubectl.api_server_metric(failed, &[&broken]).unwrap() > 0, "no condition failed");
        let observed = tracestamp.metrics().unwrap().sum("tracestamp_reviews_total", &["webhook=\"observe\""]);
        assert_eq!(observed, 0);
    });
}

/// Gives the first observing webhook a condition that looks for what is not there, and no other.
fn break_conditions(shared: &Shared, name: &str) {
    let kind = "validatingwebhookconfiguration";
    let mut configuration = shared.kubectl.get(&[kind, name]).unwrap();
    let mut webhook = configuration["webhooks"][0].clone();
    webhook["name"] = json!(format!("{name}.broken.dev"));
    webhook["matchConditions"] = json!([{"name": "broken", "expression": "object.spec.nothing.of.this == 1"}]);
    configuration["webhooks"] = json!([webhook]);
    shared.kubectl.apply(&configuration.to_string()).unwrap();
    await_watch();
}

/// The API server learns of its own registrations and namespaces by a watch, and tells nobody when it has.
fn await_watch() {
    std::thread::sleep(Duration::from_secs(3));
}

/// A Pod that is none of Tekton's, from its creation to its deletion.
fn foreign_pod(namespace: &Namespace) {
    let kubectl = &namespace.kubectl;
    let container = json!({"name": "main", "image": "test.local/busybox:1", "command": ["sleep", "0"]});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "foreign"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    });
    kubectl.create(&pod.to_string()).unwrap();
    poll("the Pod's end", Duration::from_mins(1), || {
        Ok((kubectl.run(&["get", "pod", "foreign", "-o", "jsonpath={.status.phase}"])? == "Succeeded").then_some(()))
    })
    .unwrap();
    kubectl.run(&["delete", "pod", "foreign"]).unwrap();
}

/// A TaskRun with these labels, until it has succeeded.
fn task_run(namespace: &Namespace, labels: &[(&str, &str)]) {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let step = json!({"name": "one", "image": "test.local/busybox:1", "script": "true"});
    let run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"generateName": "run-", "labels": labels},
        "spec": {"taskSpec": {"steps": [step]}},
    });
    let run = namespace.kubectl.create(&run.to_string()).unwrap().remove(0);
    let name = run["metadata"]["name"].as_str().unwrap();
    let column = r#"jsonpath={.status.conditions[?(@.type=="Succeeded")].status}"#;
    poll("the run's end", Duration::from_mins(1), || {
        Ok((namespace.kubectl.run(&["get", "taskrun", name, "-o", column])? == "True").then_some(()))
    })
    .unwrap();
}
