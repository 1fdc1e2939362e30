use serde_json::json;

use crate::world::*;

/// A rerun as the Tekton dashboard makes it: all annotations of the old run, a new name.
fn rerun(old: &serde_json::Value) -> serde_json::Value {
    let mut rerun = pipeline_run();
    rerun["metadata"]["annotations"] = old["metadata"]["annotations"].clone();
    rerun["metadata"]["generateName"] = json!("build-r-");
    rerun
}

#[test]
fn a_rerun_with_all_annotations_is_a_new_trace_that_links_to_the_old() {
    let world = World::default();
    let old = world.created(&pipeline_run());
    let new = world.created(&rerun(&old));
    assert_ne!(own(&new).trace_id, own(&old).trace_id);
    assert_eq!(annotation(&new, "tracestamp.dev/links"), Some(&*own(&old).to_string()));
    assert_eq!(parent(&new), None);
    assert!(
        annotation(&new, "tekton.dev/pipelinerunSpanContext").unwrap().contains(&own(&new).of_level_1().to_string())
    );
    assert_eq!(world.create(&rerun(&old)).notes, ["copied"]);
}

#[test]
fn a_rerun_of_a_run_with_a_creators_parent_leaves_that_parent_behind() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let world = World::default();
    let old = world.created(&run);
    let new = world.created(&rerun(&old));
    assert_ne!(own(&new).trace_id, own(&old).trace_id);
    assert_eq!(parent(&new), None);
    let ended = end_of(&world, &new, succeeded());
    assert_eq!(ended.span("pipeline_run").record.parent, None);
    assert_eq!(ended.span("pipeline_run").record.context, own(&new));
}

#[test]
fn a_saved_manifest_that_a_creator_starts_in_its_own_trace_joins_that_and_links_to_the_old() {
    let world = World::default();
    let old = world.created(&pipeline_run());
    let mut run = rerun(&old);
    set(
        &mut run,
        "tekton.dev/pipelinerunSpanContext",
        r#"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
    );
    let new = world.created(&run);
    assert_eq!(own(&new).trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(annotation(&new, "tracestamp.dev/links"), Some(&*own(&old).to_string()));
}

#[test]
fn a_task_run_copied_out_of_its_pipeline_is_a_root_of_its_own() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut copy = task_run(&run);
    copy["metadata"]["annotations"] = world.created(&copy)["metadata"]["annotations"].clone();
    copy["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    copy["metadata"]["name"] = json!("again");
    let copied = own(&copy);
    let copy = world.created(&copy);
    assert_ne!(own(&copy).trace_id, own(&run).trace_id);
    assert_eq!(annotation(&copy, "tracestamp.dev/links"), Some(&*copied.to_string()));
    assert_eq!(parent(&copy), None);
}
