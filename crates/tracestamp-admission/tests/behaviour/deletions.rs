use serde_json::json;

use crate::pods::{containers, ended, pod_in, running};
use crate::world::*;

fn started() -> serde_json::Value {
    json!({"conditions": [{"type": "Succeeded", "status": "Unknown"}], "startTime": "2026-11-21T11:00:02Z"})
}

#[test]
fn a_run_deleted_before_its_end_is_closed_in_the_second_of_receipt() {
    let world = World::default();
    let run = with_status(&world.created(&pipeline_run()), started());
    let decided = world.delete(&run, json!(null));
    assert_eq!(decided.whats(), ["pending", "pipeline_run"]);
    let span = decided.span("pipeline_run");
    assert_eq!(span.times(), "11:00:00 12:00:00", "RECEIVED without its milliseconds");
    assert_eq!(span.attribute("tracestamp.end").unwrap(), "received");
    assert_eq!(span.attribute("error.type").unwrap(), "deleted");
    assert_eq!(span.attribute("cicd.pipeline.result").unwrap(), "cancellation");
    assert!(span.failed());
    assert!(!decided.span("pending").failed(), "it had started");
    assert_eq!(decided.span("pending").times(), "11:00:00 11:00:02");
}

#[test]
fn a_run_deleted_before_it_started_was_pending_to_its_end() {
    let world = World::default();
    for status in [json!({}), json!(null)] {
        let run = with_status(&world.created(&pipeline_run()), status);
        let decided = world.delete(&run, json!(null));
        assert_eq!(decided.whats(), ["pending", "pipeline_run"]);
        assert!(decided.span("pending").failed());
    }
}

#[test]
fn a_task_run_deleted_in_its_second_attempt_gives_that_attempt() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut status = started();
    status["retriesStatus"] = json!([{"startTime": "2026-11-21T11:00:01Z", "completionTime": "2026-11-21T11:00:02Z"}]);
    let decided = world.delete(&with_status(&world.created(&task_run(&run)), status), json!(null));
    assert_eq!(decided.whats(), ["pending", "attempt", "task_run"]);
    assert_eq!(decided.span("attempt").record.name, "attempt 2");
    assert!(decided.span("attempt").failed());
}

#[test]
fn a_finalizer_holds_the_run_until_it_goes() {
    let world = World::default();
    let mut held = with_status(&world.created(&pipeline_run()), started());
    held["metadata"]["finalizers"] = json!(["results.tekton.dev"]);
    assert!(world.delete(&held, json!(null)).spans.is_empty());
    held["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:05Z");
    let mut released = held.clone();
    released["metadata"]["finalizers"] = json!([]);
    assert_eq!(world.update(&held, &released).whats(), ["pending", "pipeline_run"]);
    let ended = with_status(&held, succeeded());
    let released = with_status(&released, succeeded());
    assert!(world.update(&ended, &released).spans.is_empty(), "it had ended before");
}

#[test]
fn the_first_delete_of_a_pod_is_only_a_request() {
    let world = World::default();
    let pod = with_status(&pod_in(&world), json!({"containerStatuses": containers(&[("step-make", running("02"))])}));
    assert!(world.delete(&pod, json!(30)).spans.is_empty());
    assert!(world.delete(&pod, json!(null)).spans.is_empty());
}

#[test]
fn a_pod_that_goes_while_it_runs_is_closed_with_what_runs_in_it() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:40Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    let status = json!({"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": containers(&[
        ("step-make", running("02")), ("step-pack", json!({"waiting": {}})), ("sidecar-db", running("03"))])});
    let decided = world.delete(&with_status(&pod, status), json!(0));
    assert_eq!(decided.whats(), ["step", "sidecar", "pod"]);
    assert_eq!(decided.span("pod").times(), "11:00:00 11:00:10");
    assert_eq!(decided.span("sidecar").times(), "11:00:03 11:00:10");
    assert_eq!(decided.span("step").times(), "11:00:10 11:00:10", "when its turn came is not known");
    for span in &decided.spans {
        assert!(span.failed());
        assert_eq!(span.attribute("error.type").unwrap(), "deleted");
        assert_eq!(span.attribute("tracestamp.end"), None);
    }
}

#[test]
fn a_pod_removed_by_force_is_closed_in_the_second_of_receipt() {
    let world = World::default();
    let pod = with_status(
        &pod_in(&world),
        json!({"podIP": "10.0.0.1", "containerStatuses": containers(&[("step-make", running("02"))])}),
    );
    let decided = world.delete(&pod, json!(0));
    assert_eq!(decided.span("pod").times(), "11:00:00 12:00:00");
    assert_eq!(decided.span("pod").attribute("tracestamp.end").unwrap(), "received");
}

#[test]
fn a_pod_that_was_scheduled_and_never_ready_tells_its_schedule_when_it_goes() {
    let world = World::default();
    let scheduled = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-21T11:00:03Z"}]});
    let pod = pod_in(&world);
    assert_eq!(world.delete(&with_status(&pod, scheduled.clone()), json!(0)).whats(), ["schedule", "pod"]);
    let mut ready = scheduled;
    ready["podIP"] = json!("10.0.0.1");
    assert_eq!(world.delete(&with_status(&pod, ready), json!(0)).whats(), ["pod"], "told when it was ready");
    let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False", "lastTransitionTime": "2026-11-21T11:00:03Z"}]});
    assert_eq!(world.delete(&with_status(&pod, unscheduled), json!(0)).whats(), ["pod"]);
}

#[test]
fn a_pod_that_had_ended_gives_nothing_more() {
    let world = World::default();
    let status = json!({"phase": "Succeeded", "podIP": "10.0.0.1", "containerStatuses": containers(&[
        ("step-make", ended(0, "02", "03")), ("step-pack", ended(0, "02", "03"))])});
    assert!(world.delete(&with_status(&pod_in(&world), status), json!(0)).spans.is_empty());
}

#[test]
fn a_delete_that_is_reviewed_again_gives_the_same_ids() {
    let world = World::default();
    let run = with_status(&world.created(&pipeline_run()), started());
    let ids = |decided: Decided| decided.spans.iter().map(|span| span.record.context.span_id).collect::<Vec<_>>();
    assert_eq!(ids(world.delete(&run, json!(null))), ids(world.delete(&run, json!(null))));
}

#[test]
fn a_deletion_that_a_finalizer_is_going_to_hold_closes_nothing() {
    // The API server puts the finalizer on after the review.
    let world = World::default();
    let run = with_status(&world.created(&pipeline_run()), started());
    for options in [
        json!({"propagationPolicy": "Foreground"}),
        json!({"propagationPolicy": "Orphan"}),
        json!({"orphanDependents": true}),
    ] {
        let review = review("DELETE", None, Some(&run), &json!({"options": options}));
        assert!(world.decide(tracestamp_admission::Endpoint::Observe, &review).spans.is_empty(), "{options}");
    }
    let review = review("DELETE", None, Some(&run), &json!({"options": {"propagationPolicy": "Background"}}));
    assert_eq!(world.decide(tracestamp_admission::Endpoint::Observe, &review).whats(), ["pending", "pipeline_run"]);
}

#[test]
fn a_pod_that_no_kubelet_has_yet_goes_with_its_first_delete() {
    let world = World::default();
    let mut pod = with_status(&pod_in(&world), json!({"phase": "Pending"}));
    pod["spec"].as_object_mut().unwrap().remove("nodeName");
    assert_eq!(world.delete(&pod, json!(null)).whats(), ["pod"]);
    pod["metadata"]["finalizers"] = json!(["a"]);
    assert!(world.delete(&pod, json!(null)).spans.is_empty());
}

#[test]
fn a_pod_that_goes_while_only_a_stopped_sidecars_image_runs_had_succeeded() {
    let world = World::default();
    let mut pod = pod_in(&world);
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "sidecar-db"}));
    let mut list = containers(&[
        ("step-make", ended(0, "02", "03")),
        ("step-pack", ended(0, "02", "03")),
        ("sidecar-db", running("37")),
    ]);
    list[2]["lastState"] = ended(137, "02", "36");
    let decided = world.delete(&with_status(&pod, json!({"podIP": "10.0.0.1", "containerStatuses": list})), json!(0));
    assert_eq!(decided.whats(), ["pod"]);
    assert!(!decided.span("pod").failed());
}
