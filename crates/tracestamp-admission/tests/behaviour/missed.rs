//! Stamps that were missed: created before the installation, or while every replica was away.

use serde_json::{Value, json};

use crate::world::*;

pub fn unstamped(object: &Value) -> Value {
    let mut object = object.clone();
    let name = object["metadata"]["name"].as_str().map_or("build-x7k2p".to_owned(), str::to_owned);
    born(&mut object, &name);
    object
}

#[test]
fn relatives_that_were_never_stamped_find_one_trace_and_each_other() {
    let world = World::default();
    let run = unstamped(&pipeline_run());
    let task = unstamped(&task_run(&run));
    let pod = unstamped(&pod(&task));
    let run_span = end_of(&world, &run, succeeded()).span("pipeline_run").record.clone();
    let task_span = end_of(&world, &task, succeeded()).span("task_run").record.clone();
    let pod_span = world.update(&pod, &with_status(&pod, terminated())).span("pod").record.clone();
    assert_eq!(task_span.context.trace_id, run_span.context.trace_id);
    assert_eq!(pod_span.context.trace_id, run_span.context.trace_id);
    assert_eq!(task_span.parent, Some(run_span.context.span_id));
    assert_eq!(pod_span.parent, Some(task_span.context.span_id));
    assert_eq!(run_span.parent, None);
}

#[test]
fn every_replica_derives_the_same() {
    let run = unstamped(&pipeline_run());
    let span = |world: &World| end_of(world, &run, succeeded()).span("pipeline_run").clone();
    assert_eq!(span(&World::default()), span(&World::default()));
}

#[test]
fn a_task_run_that_was_missed_does_not_speak_as_its_run() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task = unstamped(&task_run(&run));
    let pod = world.created(&pod(&task));
    let task_span = end_of(&world, &task, succeeded()).span("task_run").record.clone();
    assert_eq!(task_span.context.trace_id, own(&run).trace_id);
    assert_ne!(task_span.context.span_id, own(&run).span_id);
    assert_eq!(task_span.parent, Some(own(&run).span_id));
    assert_eq!(parent(&pod).unwrap().span_id, task_span.context.span_id);
    assert_eq!(own(&pod).trace_id, own(&run).trace_id);
}

#[test]
fn a_run_that_was_missed_is_found_by_its_stamped_children() {
    let world = World::default();
    let run = unstamped(&pipeline_run());
    let task = world.created(&task_run(&run));
    let run_span = end_of(&world, &run, succeeded()).span("pipeline_run").record.clone();
    assert_eq!(own(&task).trace_id, run_span.context.trace_id);
    assert_eq!(parent(&task).unwrap().span_id, run_span.context.span_id);
}

#[test]
fn a_run_that_was_missed_joins_its_creators_trace_with_its_children() {
    let mut run = pipeline_run();
    set(
        &mut run,
        "tekton.dev/pipelinerunSpanContext",
        r#"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
    );
    let world = World::default();
    let run = unstamped(&run);
    let mut task = task_run(&run);
    set(
        &mut task,
        "tekton.dev/taskrunSpanContext",
        r#"{"traceparent":"00-11111111111111111111111111111111-1111111111111111-01"}"#,
    );
    let task = unstamped(&task);
    let run_span = end_of(&world, &run, succeeded()).span("pipeline_run").record.clone();
    let task_span = end_of(&world, &task, succeeded()).span("task_run").record.clone();
    assert_eq!(run_span.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!(run_span.context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(task_span.context.trace_id, run_span.context.trace_id, "not that of Tekton's own span");
    assert_eq!(task_span.parent, Some(run_span.context.span_id));
}

#[test]
fn a_lone_task_run_that_was_missed_joins_its_creators_trace_with_its_pod() {
    let mut run = pipeline_run();
    run["kind"] = json!("TaskRun");
    set(
        &mut run,
        "tekton.dev/taskrunSpanContext",
        r#"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
    );
    let world = World::default();
    let run = unstamped(&run);
    let pod = unstamped(&pod(&run));
    let run_span = end_of(&world, &run, succeeded()).span("task_run").record.clone();
    let pod_span = world.update(&pod, &with_status(&pod, terminated())).span("pod").record.clone();
    assert_eq!(run_span.context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(pod_span.parent, Some(run_span.context.span_id));
    assert_eq!(pod_span.context.trace_id, run_span.context.trace_id);
}

#[test]
fn a_copy_of_the_same_name_whose_create_was_missed_speaks_under_the_old_id() {
    // The known limit of the seal: all of what it seals is equal.
    let mut run = pipeline_run();
    run["metadata"] = json!({"name": "release", "namespace": "ci"});
    let world = World::default();
    let first = world.created(&run);
    let mut second = first.clone();
    second["metadata"]["uid"] = json!("another");
    assert_eq!(end_of(&world, &second, succeeded()).span("pipeline_run").record.context, own(&first));
}

pub fn terminated() -> Value {
    let ended = json!({"terminated": {"exitCode": 0, "startedAt": "2026-11-21T11:00:03Z", "finishedAt": "2026-11-21T11:00:08Z"}});
    json!({"phase": "Running", "containerStatuses": [{"name": "step-make", "state": ended}, {"name": "step-pack", "state": ended}]})
}
