use serde_json::json;

use crate::world::*;

#[test]
fn run_task_run_and_pod_are_one_trace_with_ids_of_their_own() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task_run = world.created(&task_run(&run));
    let pod = world.created(&pod(&task_run));
    assert_eq!(own(&task_run).trace_id, own(&run).trace_id);
    assert_eq!(own(&pod).trace_id, own(&run).trace_id);
    assert_eq!(parent(&task_run), Some(own(&run)));
    assert_eq!(parent(&pod), Some(own(&task_run)));
    assert_ne!(own(&task_run).span_id, own(&run).span_id);
    assert_ne!(own(&pod).span_id, own(&task_run).span_id);
}

#[test]
fn a_second_pass_over_a_child_changes_nothing() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let task_run_object = world.stamped(&task_run(&run));
    assert_eq!(world.create(&task_run_object).patch, None);
    let pod_object = world.stamped(&pod(&world.created(&task_run(&run))));
    assert_eq!(world.create(&pod_object).patch, None);
}

#[test]
fn a_container_that_another_webhook_adds_is_seen_to_in_the_second_pass() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = world.stamped(&pod(&world.created(&task_run(&run))));
    object["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "mesh-proxy"}));
    let patch = world.create(&object).patch.unwrap();
    let paths: Vec<_> = patch.as_array().unwrap().iter().map(|op| op["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/metadata/annotations/mesh-proxy.tracestamp.dev~1traceparent", "/spec/containers/2/env"]);
}

#[test]
fn the_carrier_that_tekton_set_is_replaced_and_kept_as_a_link() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = task_run(&run);
    let create_task_run = format!("00-{}-00f067aa0ba902b7-01", own(&run).trace_id);
    set(&mut object, "tekton.dev/taskrunSpanContext", &format!(r#"{{"traceparent":"{create_task_run}"}}"#));
    let object = world.created(&object);
    assert_eq!(annotation(&object, "tracestamp.dev/links"), Some(&*create_task_run));
    assert!(
        annotation(&object, "tekton.dev/taskrunSpanContext").unwrap().contains(&own(&object).of_level_1().to_string())
    );
    assert_eq!(parent(&object), Some(own(&run)));
    assert_eq!(world.create(&object).patch, None);
}

#[test]
fn with_tektons_tracing_off_its_carrier_repeats_the_run_and_gives_no_link() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = task_run(&run);
    let runs = annotation(&run, "tekton.dev/pipelinerunSpanContext").unwrap().to_owned();
    set(&mut object, "tekton.dev/taskrunSpanContext", &runs);
    assert_eq!(annotation(&world.created(&object), "tracestamp.dev/links"), None);
}

#[test]
fn a_pipeline_in_a_pipeline_is_a_child() {
    let world = World::default();
    let outer = world.created(&pipeline_run());
    let mut inner = task_run(&outer);
    inner["kind"] = json!("PipelineRun");
    let inner = world.created(&inner);
    assert_eq!(parent(&inner), Some(own(&outer)));
    assert!(
        annotation(&inner, "tekton.dev/pipelinerunSpanContext")
            .unwrap()
            .contains(&own(&inner).of_level_1().to_string())
    );
    let task_run = world.created(&task_run(&inner));
    assert_eq!(parent(&task_run), Some(own(&inner)));
    assert_eq!(parent(&world.created(&pod(&task_run))), Some(own(&task_run)));
}

#[test]
fn children_that_share_a_generate_name_have_ids_of_their_own() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = task_run(&run);
    object["metadata"]["generateName"] = json!("t-");
    object["metadata"].as_object_mut().unwrap().remove("name");
    let (first, second) = (world.stamped(&object), world.stamped(&object));
    assert_ne!(own(&first).span_id, own(&second).span_id);
    assert_eq!(world.create(&first).patch, None, "and keep them");
}

#[test]
fn a_pod_without_a_task_run_is_left_alone() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = pod(&world.created(&task_run(&run)));
    object["metadata"]["ownerReferences"][0]["kind"] = json!("StatefulSet");
    object["metadata"]["ownerReferences"][0]["apiVersion"] = json!("apps/v1");
    assert_eq!(world.create(&object).outcome, "not_traced");
    let mut object = pod(&world.created(&task_run(&run)));
    object["metadata"]["labels"].as_object_mut().unwrap().remove("tekton.dev/taskRun");
    assert_eq!(world.create(&object).outcome, "not_traced");
}

#[test]
fn the_key_of_the_seal_is_used_for_all_of_them() {
    let key = || tracestamp_core::SealKey::new(b"secret".to_vec());
    let keyed = World::with(|config| config.seal_key = key());
    let run = keyed.created(&pipeline_run());
    let task_run = keyed.created(&task_run(&run));
    assert_eq!(parent(&task_run), Some(own(&run)));
    assert_eq!(end_of(&keyed, &task_run, succeeded()).span("task_run").record.context, own(&task_run));
    let unkeyed = World::default();
    assert_ne!(end_of(&unkeyed, &task_run, succeeded()).span("task_run").record.context, own(&task_run));
}

#[test]
fn a_run_with_a_name_and_a_generate_name_is_known_by_its_children() {
    let world = World::default();
    for name in ["build-42", "other", "build-abcde"] {
        let mut run = pipeline_run();
        run["metadata"]["name"] = json!(name);
        let run = world.created(&run);
        let task = world.created(&task_run(&run));
        assert_eq!(parent(&task), Some(own(&run)), "{name}");
        assert_eq!(end_of(&world, &run, succeeded()).span("pipeline_run").record.context, own(&run), "{name}");
    }
}
