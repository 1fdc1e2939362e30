use serde_json::{Value, json};

use crate::world::*;

pub fn pod_in(world: &World) -> Value {
    let run = world.created(&pipeline_run());
    let mut pod = world.created(&pod(&world.created(&task_run(&run))));
    pod["spec"]["nodeName"] = json!("node-1");
    pod
}

pub fn ended(code: i64, start: &str, end: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" },
           "startedAt": format!("2026-11-21T11:00:{start}Z"), "finishedAt": format!("2026-11-21T11:00:{end}Z")}})
}

pub fn running(start: &str) -> Value {
    json!({"running": {"startedAt": format!("2026-11-21T11:00:{start}Z")}})
}

pub fn containers(states: &[(&str, Value)]) -> Value {
    json!(
        states.iter().map(|(name, state)| json!({"name": name, "state": state, "restartCount": 0})).collect::<Vec<_>>()
    )
}

fn condition(kind: &str, status: &str, second: &str) -> Value {
    json!({"type": kind, "status": status, "lastTransitionTime": format!("2026-11-21T11:00:{second}Z")})
}

#[test]
fn schedule_and_sandbox_are_told_when_the_sandbox_is_up() {
    let world = World::default();
    let pod = pod_in(&world);
    let before = json!({"conditions": [condition("PodScheduled", "True", "01"), condition("PodReadyToStartContainers", "False", "01")]});
    let after = json!({"conditions": [condition("PodScheduled", "True", "01"), condition("PodReadyToStartContainers", "True", "03")]});
    let decided = world.update(&with_status(&pod, before), &with_status(&pod, after.clone()));
    assert_eq!(decided.whats(), ["schedule", "sandbox"]);
    assert_eq!(decided.span("schedule").times(), "11:00:00 11:00:01");
    assert_eq!(decided.span("sandbox").times(), "11:00:01 11:00:03");
    assert_eq!(decided.span("sandbox").record.parent, Some(own(&pod).span_id));
    let gone = json!({"conditions": [condition("PodScheduled", "True", "01"), condition("PodReadyToStartContainers", "False", "09")]});
    assert!(world.update(&with_status(&pod, after), &with_status(&pod, gone)).spans.is_empty());
}

#[test]
fn a_pod_ends_with_its_last_container_and_not_with_its_phase() {
    let world = World::default();
    let pod = pod_in(&world);
    let one = json!({"phase": "Running", "containerStatuses": containers(&[("step-make", ended(0, "02", "04")), ("step-pack", running("02"))])});
    let both = json!({"phase": "Running", "containerStatuses": containers(&[("step-make", ended(0, "02", "04")), ("step-pack", ended(0, "02", "06"))])});
    let mut phase = both.clone();
    phase["phase"] = json!("Succeeded");
    let first = world.update(&with_status(&pod, json!({"phase": "Pending"})), &with_status(&pod, one.clone()));
    assert_eq!(first.whats(), ["step"]);
    let second = world.update(&with_status(&pod, one), &with_status(&pod, both.clone()));
    assert_eq!(second.whats(), ["step", "pod"]);
    assert_eq!(second.span("pod").times(), "11:00:00 11:00:06");
    assert_eq!(second.span("pod").record.parent, Some(parent(&pod).unwrap().span_id));
    assert!(world.update(&with_status(&pod, both), &with_status(&pod, phase)).spans.is_empty());
}

#[test]
fn a_failed_step_fails_its_pod_and_a_stopped_sidecar_does_not() {
    let world = World::default();
    let pod = pod_in(&world);
    for (make, proxy, failed) in [(3, 0, true), (0, 137, false)] {
        let status = json!({"phase": "Failed", "containerStatuses": containers(&[
            ("step-make", ended(make, "02", "04")), ("step-pack", ended(0, "02", "04")), ("proxy", ended(proxy, "02", "05"))])});
        let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, status));
        assert_eq!(decided.span("pod").failed(), failed);
    }
}

#[test]
fn a_pod_that_its_node_took_away_is_no_failure_of_the_user() {
    let world = World::default();
    let pod = pod_in(&world);
    for (reason, result) in
        [(json!("Evicted"), "error"), (json!("DeadlineExceeded"), "timeout"), (json!(null), "failure")]
    {
        let status = json!({"phase": "Failed", "reason": reason, "containerStatuses": containers(&[
            ("step-make", ended(255, "02", "04")), ("step-pack", ended(255, "02", "04"))])});
        let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, status));
        assert!(decided.span("pod").failed());
        assert_eq!(decided.span("pod").attribute("tracestamp.result").unwrap(), result, "{reason}");
    }
}

#[test]
fn the_step_that_failed_and_not_one_skipped_after_it_is_what_failed_the_pod() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["spec"]["containers"] = json!([{"name": "step-z"}, {"name": "step-a"}]);
    let status =
        json!({"containerStatuses": containers(&[("step-a", ended(1, "02", "04")), ("step-z", ended(3, "02", "04"))])});
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, status));
    assert_eq!(decided.span("pod").record.status, tracestamp_core::span::Status::Error("exit code 3".into()));
}

#[test]
fn a_pod_whose_init_container_failed_ends_with_its_phase() {
    let world = World::default();
    let pod = pod_in(&world);
    let status = json!({"phase": "Failed", "initContainerStatuses": containers(&[("prepare", ended(1, "02", "03"))]),
        "containerStatuses": containers(&[("step-make", json!({"waiting": {"reason": "PodInitializing"}}))])});
    let decided = world.update(&with_status(&pod, json!({"phase": "Pending"})), &with_status(&pod, status));
    assert_eq!(decided.whats(), ["init_container", "pod"]);
    assert_eq!(decided.span("pod").times(), "11:00:00 11:00:03");
    assert_eq!(decided.span("pod").attribute("k8s.pod.status.phase").unwrap(), "Failed");
    assert_eq!(decided.span("pod").attribute("tracestamp.result").unwrap(), "error");
    assert!(!decided.span("pod").failed(), "the init container has a span of its own, and that is the error");
    assert!(decided.span("init_container").failed());
}

#[test]
fn a_final_phase_while_a_container_runs_is_not_the_end() {
    let world = World::default();
    let pod = pod_in(&world);
    let lost = json!({"phase": "Failed", "containerStatuses": containers(&[("step-make", running("02")), ("step-pack", running("02"))])});
    assert!(world.update(&with_status(&pod, json!({"phase": "Running"})), &with_status(&pod, lost)).spans.is_empty());
}

#[test]
fn a_native_sidecar_is_waited_for() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["spec"]["initContainers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "sidecar-db", "restartPolicy": "Always"}));
    let steps = containers(&[("step-make", ended(0, "02", "04")), ("step-pack", ended(0, "02", "04"))]);
    let early =
        json!({"containerStatuses": steps, "initContainerStatuses": containers(&[("sidecar-db", running("01"))])});
    let late = json!({"containerStatuses": steps, "initContainerStatuses": containers(&[("sidecar-db", ended(137, "01", "09"))])});
    assert_eq!(
        world.update(&with_status(&pod, json!({})), &with_status(&pod, early.clone())).whats(),
        ["step", "step"]
    );
    let decided = world.update(&with_status(&pod, early), &with_status(&pod, late));
    assert_eq!(decided.whats(), ["sidecar", "pod"]);
    assert_eq!(decided.span("pod").times(), "11:00:00 11:00:09");
}

#[test]
fn the_pod_of_a_retry_says_which_attempt_it_is() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["metadata"]["name"] = json!("build-x7k2p-compile-pod-retry1");
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, crate::missed::terminated()));
    assert_eq!(decided.span("pod").attribute("tracestamp.attempt").unwrap(), "2");
    assert!(decided.spans.iter().all(|span| span.attribute("tracestamp.attempt").unwrap() == "2"));
}

#[test]
fn every_span_below_says_where_it_belongs() {
    let world = World::default();
    let pod = pod_in(&world);
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, crate::missed::terminated()));
    for span in &decided.spans {
        for (key, value) in [
            ("k8s.namespace.name", "ci"),
            ("namespace", "ci"),
            ("pipelinerun", "build-x7k2p"),
            ("taskrun", "build-x7k2p-compile"),
            ("k8s.pod.name", "build-x7k2p-compile-pod"),
        ] {
            assert_eq!(span.attribute(key).unwrap(), value, "{} {key}", span.what);
        }
    }
}

#[test]
fn a_pod_that_tekton_makes_anew_under_the_same_name_has_ids_of_its_own() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task = world.created(&task_run(&run));
    let (first, second) = (world.created(&pod(&task)), world.created(&pod(&task)));
    let ids = |pod: &Value| {
        let decided = world.update(&with_status(pod, json!({})), &with_status(pod, crate::missed::terminated()));
        decided.spans.iter().map(|span| span.record.context.span_id).collect::<std::collections::HashSet<_>>()
    };
    assert_eq!(ids(&first).len(), 3);
    assert!(ids(&first).is_disjoint(&ids(&second)));
    assert_eq!(parent(&first), parent(&second));
}

#[test]
fn a_pod_with_more_containers_than_run_anywhere_costs_no_more_than_they_would() {
    let world = World::default();
    let pod = pod_in(&world);
    let many: Vec<_> = (0..3000).map(|n| (format!("step-{n}"), ended(0, "02", "03"))).collect();
    let many: Vec<_> = many.iter().map(|(name, state)| (&**name, state.clone())).collect();
    let status = json!({"containerStatuses": containers(&many), "initContainerStatuses": containers(&many)});
    let decided = world.update(&with_status(&pod, json!({})), &with_status(&pod, status));
    assert_eq!((decided.outcome, &*decided.notes, decided.spans.len()), ("unreadable", &["lists_cut"][..], 0));
}

#[test]
fn of_a_pod_with_more_containers_than_are_read_nothing_is_concluded() {
    let world = World::default();
    let mut pod = pod_in(&world);
    let both = containers(&[("step-make", ended(0, "02", "04")), ("step-pack", ended(0, "02", "06"))]);
    let after = json!({"phase": "Running", "containerStatuses": both});
    assert_eq!(world.update(&pod, &with_status(&pod, after.clone())).whats(), ["step", "step", "pod"]);
    let list = pod["spec"]["containers"].as_array_mut().unwrap();
    list.extend((0..300).map(|n| json!({"name": format!("sidecar-{n}")})));
    let decided = world.update(&pod, &with_status(&pod, after));
    assert!(decided.spans.is_empty(), "{:?}", decided.whats());
    let patch = world.create(&pod).patch.unwrap_or_default().to_string();
    assert!(!patch.contains("/spec/"), "{patch}");
}
