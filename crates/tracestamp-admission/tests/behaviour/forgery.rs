//! Any user of the cluster can write annotations.

use serde_json::json;
use tracestamp_core::CarrierMode;

use crate::world::*;

#[test]
fn anothers_context_written_on_an_object_is_never_spoken_under() {
    let world = World::default();
    let victim = world.created(&pipeline_run());
    for change in ["namespace", "generateName", "kind"] {
        let mut forged = pipeline_run();
        match change {
            "namespace" => forged["metadata"]["namespace"] = json!("evil"),
            "generateName" => forged["metadata"]["generateName"] = json!("evil-"),
            _ => forged["kind"] = json!("TaskRun"),
        }
        let mut forged = world.created(&forged);
        forged["metadata"]["annotations"] = victim["metadata"]["annotations"].clone();
        let ended = end_of(&world, &forged, succeeded());
        assert!(ended.notes.contains(&"foreign_context"), "{change}");
        for span in &ended.spans {
            assert_ne!(span.record.context.span_id, own(&victim).span_id, "{change}");
        }
    }
}

#[test]
fn anothers_context_on_a_child_before_its_create_is_not_its_parent() {
    let world = World::default();
    let victim = world.created(&pipeline_run());
    let run = world.created(&{
        let mut run = pipeline_run();
        run["metadata"]["namespace"] = json!("ci");
        run["metadata"]["generateName"] = json!("other-");
        run
    });
    let mut forged = task_run(&run);
    set(&mut forged, "tracestamp.dev/traceparent", &own(&victim).to_string());
    let forged = world.created(&forged);
    assert_ne!(parent(&forged).unwrap().span_id, own(&victim).span_id);
    assert_ne!(own(&forged).span_id, own(&victim).span_id);
}

#[test]
fn where_carriers_are_not_joined_no_annotation_leads_into_anothers_trace() {
    let world = World::with(|config| config.carrier_mode = CarrierMode::Link);
    let victim = world.created(&pipeline_run());
    let run = world.created(&{
        let mut run = pipeline_run();
        run["metadata"]["generateName"] = json!("other-");
        run
    });
    let mut forged = task_run(&run);
    set(&mut forged, "tracestamp.dev/traceparent", &own(&victim).to_string());
    assert_ne!(own(&world.created(&forged)).trace_id, own(&victim).trace_id);
}

#[test]
fn where_carriers_are_not_joined_a_missed_task_run_still_keeps_the_trace_whole() {
    let world = World::with(|config| config.carrier_mode = CarrierMode::Ignore);
    let run = world.created(&pipeline_run());
    let mut missed = task_run(&run);
    let name = missed["metadata"]["name"].as_str().unwrap().to_owned();
    born(&mut missed, &name);
    assert_eq!(own(&world.created(&pod(&missed))).trace_id, own(&run).trace_id);
}

#[test]
fn a_parent_that_was_tampered_with_no_longer_fits() {
    let world = World::default();
    let victim = world.created(&pipeline_run());
    let mut run = world.created(&pipeline_run());
    let forged = format!("00-{}-{}-01", own(&run).trace_id, own(&victim).span_id);
    set(&mut run, "tracestamp.dev/parent", &forged);
    let span = end_of(&world, &run, succeeded()).span("pipeline_run").record.clone();
    assert_ne!(span.parent, Some(own(&victim).span_id));
}

#[test]
fn four_thousand_links_and_a_huge_tracestate_cost_nothing_but_themselves() {
    let world = World::default();
    let mut run = world.created(&pipeline_run());
    set(
        &mut run,
        "tracestamp.dev/links",
        &vec!["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; 4000].join(","),
    );
    set(&mut run, "tracestamp.dev/tracestate", &"x".repeat(200 * 1024));
    let ended = end_of(&world, &run, succeeded());
    let span = &ended.span("pipeline_run").record;
    assert_eq!(span.context, own(&run));
    assert!(span.links.len() <= 8);
    assert_eq!(span.tracestate, "");
    assert!(ended.notes.contains(&"links_dropped") && ended.notes.contains(&"tracestate_dropped"), "{:?}", ended.notes);
}

#[test]
fn control_characters_reach_no_span() {
    let world = World::default();
    let mut run = world.created(&pipeline_run());
    set(&mut run, "tracestamp.dev/tracestate", "a=\u{7}\u{0}b");
    assert_eq!(end_of(&world, &run, succeeded()).span("pipeline_run").record.tracestate, "");
}
