//! Objects of one namespace and the traces of another; stamps of another version.

use serde_json::{Value, json};
use tracestamp_core::{CarrierMode, SealKey};

use crate::missed::{terminated, unstamped};
use crate::world::*;

/// A TaskRun of `namespace` that names a PipelineRun's uid by label and by controller reference.
fn naming(run: &Value, namespace: &str) -> Value {
    let mut task = task_run(run);
    task["metadata"]["namespace"] = json!(namespace);
    task
}

#[test]
fn a_uid_of_another_namespace_leads_into_no_trace_of_it() {
    let world = World::with(|config| {
        config.carrier_mode = CarrierMode::Ignore;
        config.seal_key = SealKey::new(b"key".to_vec());
    });
    let bank = unstamped(&pipeline_run());
    let span = end_of(&world, &bank, succeeded()).span("pipeline_run").record.clone();
    for relative in [world.created(&naming(&bank, "ci")), unstamped(&naming(&bank, "ci"))] {
        let theirs = end_of(&world, &relative, succeeded()).span("task_run").record.clone();
        assert_eq!((theirs.context.trace_id, theirs.parent), (span.context.trace_id, Some(span.context.span_id)));
    }
    for stranger in [world.created(&naming(&bank, "evil")), unstamped(&naming(&bank, "evil"))] {
        let theirs = end_of(&world, &stranger, succeeded()).span("task_run").record.clone();
        assert_ne!(theirs.context.trace_id, span.context.trace_id);
        assert_ne!(theirs.parent, Some(span.context.span_id));
    }
}

#[test]
fn a_run_that_was_given_a_name_is_none_that_was_generated_from_it() {
    let world = World::default();
    let mut given = pipeline_run();
    given["metadata"] = json!({"name": "nightly", "namespace": "ci"});
    let given = world.created(&given);
    let mut generated = pipeline_run();
    generated["metadata"] = json!({"generateName": "nightly", "namespace": "ci"});
    born(&mut generated, "nightlyx7k2p");
    generated["metadata"]["annotations"] = given["metadata"]["annotations"].clone();
    let ended = end_of(&world, &generated, succeeded());
    assert!(ended.notes.contains(&"foreign_context"));
    assert_ne!(ended.span("pipeline_run").record.context.span_id, own(&given).span_id);
}

/// An object with what the first release stamped on it.
fn stamped_by_version_1(mut object: Value, own: &str, parent: &str, nonce: &str) -> Value {
    let context = |span: &str| json!(format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-03"));
    let parent = if parent.is_empty() { json!("") } else { context(parent) };
    object["metadata"]["annotations"] = json!({
        "tracestamp.dev/traceparent": context(own), "tracestamp.dev/parent": parent, "tracestamp.dev/nonce": nonce,
    });
    object
}

const RUN: &str = "7a3f9a24b6899a52";
const TASK: &str = "0a5b646b52d767f9";
const POD: &str = "c7b6780b6320b5c3";
const STEP: &str = "2e7c9ed8760d88fa";

#[test]
fn what_the_first_release_stamped_keeps_its_ids_and_those_below() {
    let world = World::default();
    let run = stamped_by_version_1(unstamped(&pipeline_run()), RUN, "", "0a0b0c0d");
    let task = stamped_by_version_1(unstamped(&task_run(&run)), TASK, RUN, "01020304");
    let pod = stamped_by_version_1(unstamped(&pod(&task)), POD, TASK, "01020305");
    let ended = world.update(&pod, &with_status(&pod, terminated()));
    assert_eq!(end_of(&world, &run, succeeded()).span("pipeline_run").record.context.span_id.to_string(), RUN);
    assert_eq!(end_of(&world, &task, succeeded()).span("task_run").record.context.span_id.to_string(), TASK);
    assert_eq!(ended.span("pod").record.context.span_id.to_string(), POD);
    // The tools in the step were given this id.
    assert!(ended.spans.iter().any(|span| span.what == "step" && span.record.context.span_id.to_string() == STEP));
    assert!(ended.notes.is_empty(), "{:?}", ended.notes);
}

#[test]
fn a_child_made_after_an_upgrade_joins_the_run_that_was_stamped_before() {
    let world = World::default();
    let run = stamped_by_version_1(unstamped(&pipeline_run()), RUN, "", "0a0b0c0d");
    let task = world.created(&task_run(&run));
    assert_eq!(parent(&task), Some(own(&run)));
    // Of version 1 too: a replica of the first release may be the one to see its end.
    assert_eq!(own(&task).span_id.to_string(), "a73db6c85f6b0b9d");
    let stamped = stamped_by_version_1(task_run(&run), TASK, RUN, "01020304");
    let again = world.created(&stamped);
    assert_eq!(own(&again), own(&stamped), "a second pass by the new release");
}

#[test]
fn what_the_first_release_stamped_is_no_others_in_another_namespace() {
    let world = World::default();
    let mut run = stamped_by_version_1(unstamped(&pipeline_run()), RUN, "", "0a0b0c0d");
    run["metadata"]["namespace"] = json!("evil");
    assert!(end_of(&world, &run, succeeded()).notes.contains(&"foreign_context"));
}
