use serde_json::{Value, json};
use tracestamp_admission::Endpoint;

use crate::world::*;

#[test]
fn an_object_that_our_annotations_could_make_too_large_is_not_stamped() {
    // The API server would deny it because of us: 256 KiB of annotations, 1.5 MiB of object.
    let world = World::default();
    let mut run = pipeline_run();
    set(&mut run, "big", &"x".repeat(240 * 1024));
    assert_eq!((world.create(&run).outcome, world.create(&run).patch), ("too_large", None));
    set(&mut run, "big", &"\"".repeat(200 * 1024));
    assert_eq!(world.create(&run).outcome, "stamped", "escapes are not counted");
    let mut run = pipeline_run();
    run["spec"]["description"] = json!("x".repeat(1024 * 1024));
    assert_eq!(world.create(&run).outcome, "too_large");
}

#[test]
fn namespaces_and_objects_that_are_excluded_are_left_alone() {
    let world = World::with(|config| {
        config.excluded_namespaces.insert("tracestamp".to_owned());
    });
    for namespace in ["kube-system", "kube-node-lease", "tracestamp"] {
        let mut run = pipeline_run();
        run["metadata"]["namespace"] = json!(namespace);
        assert_eq!(world.create(&run).outcome, "excluded", "{namespace}");
    }
    let mut run = world.created(&pipeline_run());
    run["metadata"]["labels"] = json!({"tracestamp.dev/inject": "disabled"});
    assert_eq!(world.create(&run).outcome, "excluded");
    assert_eq!(end_of(&world, &run, succeeded()).outcome, "excluded");
}

#[test]
fn what_cannot_be_read_is_allowed_without_a_patch() {
    let world = World::default();
    for broken in [
        json!({"metadata": "no"}),
        json!({"metadata": null}),
        json!({"metadata": {"namespace": "ci", "name": "a", "annotations": {"a": 1}}}),
        json!({"metadata": {"namespace": "ci", "name": "a", "labels": ["a"]}}),
        json!({"metadata": {"namespace": "ci"}}),
    ] {
        let mut object = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun"});
        object.as_object_mut().unwrap().extend(broken.as_object().unwrap().clone());
        let decided = world.create(&object);
        assert_eq!((decided.outcome, decided.patch), ("unreadable", None), "{broken}");
    }
}

#[test]
fn a_container_with_an_invalid_name_gets_no_annotation_that_would_be_invalid_too() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = pod(&world.created(&task_run(&run)));
    object["spec"]["containers"][0]["name"] = json!("Not/A~Label");
    let patch = world.create(&object).patch.unwrap().to_string();
    assert!(!patch.contains("Label"), "{patch}");
}

#[test]
fn subresources_and_other_kinds_are_not_stamped() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let binding = review("CREATE", Some(&run), None, &json!({"subResource": "binding"}));
    assert_eq!(world.decide(Endpoint::Stamp, &binding).outcome, "not_traced");
    let mut other = run.clone();
    other["kind"] = json!("Pipeline");
    assert_eq!(world.create(&other).outcome, "not_traced");
    let connect = review("CONNECT", Some(&run), None, &json!({}));
    assert_eq!(world.decide(Endpoint::Stamp, &connect).outcome, "not_traced");
}

#[test]
fn each_endpoint_does_its_own_part_only() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let ended = with_status(&run, succeeded());
    let update = review("UPDATE", Some(&ended), Some(&run), &json!({}));
    let stamped = world.decide(Endpoint::Stamp, &update);
    assert!(stamped.patch.is_none() && stamped.spans.is_empty());
    let create = review("CREATE", Some(&pipeline_run()), None, &json!({}));
    let observed = world.decide(Endpoint::Observe, &create);
    assert!(observed.patch.is_none() && observed.spans.is_empty());
}

#[test]
fn a_dry_run_gets_the_same_patch_and_no_span() {
    let world = World::default();
    let create = review("CREATE", Some(&pipeline_run()), None, &json!({"dryRun": true}));
    assert!(world.decide(Endpoint::Stamp, &create).patch.is_some());
    let run = world.created(&pipeline_run());
    let ended = with_status(&run, succeeded());
    let update = review("UPDATE", Some(&ended), Some(&run), &json!({"dryRun": true}));
    let decided = world.decide(Endpoint::Observe, &update);
    assert_eq!((decided.outcome, decided.spans.len()), ("dry_run", 0));
}

#[test]
fn a_users_text_is_cut_before_it_fills_the_spool() {
    let mut run = pipeline_run();
    run["spec"]["pipelineRef"]["name"] = json!("\u{e9}".repeat(100_000));
    let world = World::default();
    let run = world.created(&run);
    let ended = end_of(&world, &run, succeeded());
    let span = ended.span("pipeline_run");
    assert!(span.record.name.len() <= 1024);
    assert!(span.attribute("cicd.pipeline.name").unwrap().len() <= 1024);
}

#[test]
fn events_past_the_most_that_a_span_carries_are_counted() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task = json!({"name": "deploy", "reason": "When Expressions evaluated to false"});
    // No more than 256 are read.
    for (skipped, kept, dropped) in [(128, 128, 0), (129, 128, 1), (256, 128, 128), (1000, 128, 872)] {
        let mut status = succeeded();
        status["skippedTasks"] = json!(vec![task.clone(); skipped]);
        let ended = end_of(&world, &run, status);
        let record = &ended.span("pipeline_run").record;
        assert_eq!((record.events.len(), record.dropped_events), (kept, dropped), "{skipped}");
        assert_eq!(ended.notes.contains(&"events_dropped"), dropped > 0, "{skipped}");
    }
}

#[test]
fn of_a_run_with_more_attempts_than_are_read_nothing_is_concluded() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task = world.created(&task_run(&run));
    let entry = json!({"conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed"}],
        "startTime": "2026-11-21T11:00:01Z", "completionTime": "2026-11-21T11:00:04Z"});
    for (attempts, outcome, spans) in [(512, "recorded", 512), (513, "unreadable", 0), (5000, "unreadable", 0)] {
        let after = with_status(&task, json!({"retriesStatus": vec![entry.clone(); attempts]}));
        let decided = world.update(&with_status(&task, json!({})), &after);
        assert_eq!((decided.outcome, decided.spans.len()), (outcome, spans), "{attempts}");
        assert_eq!(decided.notes.contains(&"lists_cut"), spans == 0, "{attempts}");
        // What was known before is not known to be new.
        assert!(world.update(&after, &after).spans.is_empty());
    }
}

#[test]
fn a_patch_that_would_be_long_for_what_it_is_about_is_left_out() {
    let world = World::default();
    let mut object = pod(&world.created(&task_run(&world.created(&pipeline_run()))));
    let with = |object: &mut Value, number: usize| {
        object["spec"]["containers"] = (0..number).map(|n| json!({"name": format!("step-{n:057}")})).collect();
    };
    with(&mut object, 60);
    assert_eq!(world.create(&object).outcome, "stamped");
    with(&mut object, 250);
    assert_eq!((world.create(&object).outcome, world.create(&object).patch), ("too_large", None));
}
