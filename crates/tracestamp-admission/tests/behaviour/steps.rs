use serde_json::{Value, json};

use crate::pods::pod_in;
use crate::world::*;

fn step(code: i64, reason: &str, message: Option<&str>) -> Span {
    let world = World::default();
    let pod = pod_in(&world);
    let mut state = json!({"exitCode": code, "reason": reason, "startedAt": "2026-11-21T11:00:02Z", "finishedAt": "2026-11-21T11:00:06Z",
        "containerID": "containerd://abc"});
    if let Some(message) = message {
        state["message"] = json!(message);
    }
    step_of(&world, &pod, &state)
}

fn step_of(world: &World, pod: &Value, state: &Value) -> Span {
    let status = json!({"containerStatuses": [{"name": "step-make", "state": {"terminated": state},
        "imageID": "reg:5000/tools/make@sha256:00"}]});
    world.update(&with_status(pod, json!({})), &with_status(pod, status)).span("step").clone()
}

fn internal(entries: &[(&str, &str)]) -> String {
    json!(entries.iter().map(|(key, value)| json!({"key": key, "value": value, "type": 3})).collect::<Vec<_>>())
        .to_string()
}

#[test]
fn a_step_begins_with_its_turn_and_not_with_its_container() {
    let span = step(0, "Completed", Some(&internal(&[("StartedAt", "2026-11-21T11:00:04.556Z")])));
    assert_eq!(span.times(), "11:00:04.556 11:00:06");
    assert_eq!(span.record.name, "make");
    assert_eq!(span.attribute("k8s.container.name").unwrap(), "step-make");
    assert_eq!(span.attribute("tracestamp.step.waited").unwrap(), "2.556");
    assert_eq!(span.attribute("tracestamp.container.started_at").unwrap(), "2026-11-21T11:00:02Z");
    assert_eq!(span.attribute("process.exit.code").unwrap(), "0");
    assert_eq!(span.attribute("container.image.name").unwrap(), "reg:5000/tools/make");
    assert_eq!(span.attribute("container.image.tags").unwrap(), "4.3");
    assert_eq!(span.attribute("container.id").unwrap(), "abc");
    assert!(!span.failed());
}

#[test]
fn a_step_shorter_than_the_kubelets_second_has_no_length_and_says_so() {
    let span = step(0, "Completed", Some(&internal(&[("StartedAt", "2026-11-21T11:00:06.9Z")])));
    assert_eq!(span.times(), "11:00:06.9 11:00:06.9");
    assert_eq!(span.attribute("tracestamp.clamped").unwrap(), "true");
}

#[test]
fn a_failed_step_is_an_error_with_its_exit_code() {
    let span = step(3, "Error", Some(&internal(&[("StartedAt", "2026-11-21T11:00:04Z")])));
    assert_eq!(span.record.status, tracestamp_core::span::Status::Error("exit code 3".into()));
    assert_eq!(span.attribute("error.type").unwrap(), "Error");
    assert_eq!(span.attribute("tracestamp.result").unwrap(), "failure");
}

#[test]
fn a_step_that_may_fail_shows_the_true_exit_code() {
    let span = step(0, "Completed", Some(&internal(&[("StartedAt", "2026-11-21T11:00:04Z"), ("ExitCode", "7")])));
    assert!(span.failed());
    assert_eq!(span.attribute("process.exit.code").unwrap(), "7");
    assert_eq!(span.attribute("error.type").unwrap(), "Continued");
}

#[test]
fn a_skipped_step_is_no_error() {
    let span = step(1, "Error", Some(&internal(&[("StartedAt", "2026-11-21T11:00:06Z"), ("Reason", "Skipped")])));
    assert!(!span.failed());
    assert_eq!(span.attribute("tracestamp.result").unwrap(), "skip");
}

#[test]
fn a_step_whose_turn_never_came_has_no_length_and_is_an_error() {
    let span = step(2, "Error", None);
    assert_eq!(span.times(), "11:00:06 11:00:06");
    assert_eq!(span.attribute("tracestamp.step.started").unwrap(), "false");
    assert!(span.failed());
}

#[test]
fn a_step_that_exited_well_without_a_readable_message_ran_at_a_time_unknown() {
    let span = step(0, "Completed", Some("[{\"key\":\"cut off"));
    assert_eq!(span.attribute("tracestamp.start").unwrap(), "unknown");
    assert_eq!(span.attribute("tracestamp.step.started"), None);
    assert!(!span.failed());
}

#[test]
fn a_turn_outside_the_containers_life_is_not_believed() {
    // The file the message comes from can be written by the step.
    for forged in
        ["1999-01-01T00:00:00Z", "2026-11-21T11:00:01.999Z", "2026-11-21T11:00:07.001Z", "2099-01-01T00:00:00Z"]
    {
        let span = step(0, "Completed", Some(&internal(&[("StartedAt", forged)])));
        assert_eq!(span.times(), "11:00:06 11:00:06", "{forged}");
        assert_eq!(span.attribute("tracestamp.start").unwrap(), "unknown");
    }
}

#[test]
fn a_step_killed_for_memory_is_the_clusters_error() {
    let span = step(137, "OOMKilled", Some(&internal(&[("StartedAt", "2026-11-21T11:00:04Z")])));
    assert_eq!(span.attribute("tracestamp.result").unwrap(), "error");
    assert_eq!(span.attribute("error.type").unwrap(), "OOMKilled");
}

#[test]
fn a_container_that_never_started_ends_when_the_pods_deletion_was_asked_for() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:38Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    let unknown = json!({"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": null, "finishedAt": null, "message": "gone"});
    let span = step_of(&world, &pod, &unknown);
    assert_eq!(span.times(), "11:00:08 11:00:08");
    assert!(span.failed());
    assert_eq!(span.attribute("tracestamp.step.started").unwrap(), "false");
    assert_eq!(span.attribute("tracestamp.end"), None);
    pod["metadata"].as_object_mut().unwrap().remove("deletionTimestamp");
    assert_eq!(step_of(&world, &pod, &unknown).attribute("tracestamp.end").unwrap(), "received");
}

#[test]
fn results_in_the_message_are_never_told() {
    let message = json!([{"key": "StartedAt", "value": "2026-11-21T11:00:04Z", "type": 3}, {"key": "token", "value": "s3cret", "type": 1}]);
    let span = step(0, "Completed", Some(&message.to_string()));
    assert!(!format!("{span:?}").contains("s3cret"));
    let span = step(1, "s3cret", Some("s3cret"));
    assert!(!format!("{:?}", span.record.status).contains("s3cret"));
}

#[test]
fn a_step_that_was_killed_without_a_word_is_not_said_never_to_have_started() {
    for reason in ["OOMKilled", "Error"] {
        let span = step(137, reason, None);
        assert_eq!(span.attribute("tracestamp.step.started"), None, "{reason}");
        assert_eq!(span.attribute("tracestamp.start").unwrap(), "unknown");
        assert!(span.failed());
    }
}
