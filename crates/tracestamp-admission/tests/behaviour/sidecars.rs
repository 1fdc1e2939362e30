use serde_json::{Value, json};

use crate::pods::{containers, ended, pod_in, running};
use crate::world::*;

fn status(sidecar: Value) -> Value {
    json!({"phase": "Running", "containerStatuses": [
        {"name": "step-make", "state": ended(0, "02", "06")}, {"name": "step-pack", "state": ended(0, "02", "06")}, sidecar]})
}

#[test]
fn a_sidecar_that_tekton_stops_by_swapping_its_image_ends_once_and_at_its_true_end() {
    // The kubelet starts the other image in its place: no state ever shows running -> terminated for the true one.
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "sidecar-db"}));
    let before = status(json!({"name": "sidecar-db", "restartCount": 0, "state": running("02")}));
    let swapped = status(
        json!({"name": "sidecar-db", "restartCount": 1, "state": running("37"), "lastState": ended(137, "02", "36")}),
    );
    let after = status(
        json!({"name": "sidecar-db", "restartCount": 1, "state": ended(1, "37", "38"), "lastState": ended(137, "02", "36")}),
    );
    let decided = world.update(&with_status(&pod, before), &with_status(&pod, swapped.clone()));
    assert_eq!(decided.whats(), ["sidecar"]);
    assert_eq!(decided.span("sidecar").times(), "11:00:02 11:00:36");
    assert!(!decided.span("sidecar").failed(), "it was stopped because the steps were done");
    let decided = world.update(&with_status(&pod, swapped), &with_status(&pod, after));
    assert_eq!(decided.whats(), ["pod"]);
    assert_eq!(decided.span("pod").times(), "11:00:00 11:00:38");
}

#[test]
fn a_sidecar_that_fails_while_steps_run_is_an_error() {
    let world = World::default();
    let pod = pod_in(&world);
    let failed =
        json!({"containerStatuses": containers(&[("step-make", running("02")), ("sidecar-db", ended(1, "02", "03"))])});
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, failed));
    assert!(decided.span("sidecar").failed());
    assert_eq!(decided.span("sidecar").record.parent, Some(own(&pod).span_id));
}

#[test]
fn a_container_that_is_neither_step_nor_init_is_a_sidecar_whatever_its_name() {
    let world = World::default();
    let pod = pod_in(&world);
    let status = json!({"containerStatuses": containers(&[("istio-proxy", ended(0, "02", "03"))])});
    assert_eq!(world.update(&with_status(&pod, json!({})), &with_status(&pod, status)).whats(), ["sidecar"]);
}

#[test]
fn an_init_container_first_seen_when_it_has_ended_is_told() {
    let world = World::default();
    let pod = pod_in(&world);
    let status = json!({"initContainerStatuses": containers(&[("prepare", ended(0, "02", "03"))])});
    let decided = world.update(&pod, &with_status(&pod, status));
    assert_eq!(decided.whats(), ["init_container"]);
    assert_eq!(decided.span("init_container").times(), "11:00:02 11:00:03");
    assert_eq!(decided.span("init_container").record.name, "prepare");
}

#[test]
fn a_sidecar_killed_with_its_pod_is_no_error() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:35Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    let killed = json!({"containerStatuses": containers(&[("step-make", running("02")), ("sidecar-db", ended(137, "02", "06"))])});
    assert!(!world.update(&with_status(&pod, json!({})), &with_status(&pod, killed)).span("sidecar").failed());
}

#[test]
fn a_stopped_sidecar_is_not_told_as_the_image_that_stopped_it() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "sidecar-db", "image": "nop:1"}));
    let mut first = ended(137, "02", "36");
    first["terminated"]["containerID"] = json!("containerd://true-one");
    let swapped = status(json!({"name": "sidecar-db", "restartCount": 1, "state": running("37"), "lastState": first,
        "containerID": "containerd://nop", "imageID": "nop@sha256:00"}));
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, swapped));
    let span = decided.span("sidecar");
    assert_eq!(span.attribute("container.id").unwrap(), "true-one");
    assert_eq!(span.attribute("container.image.name"), None);
    assert!(!format!("{span:?}").contains("nop"));
}
