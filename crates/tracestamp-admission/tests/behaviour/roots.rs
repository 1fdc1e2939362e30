use serde_json::json;

use crate::world::*;

#[test]
fn a_run_of_its_own_gets_a_new_random_trace() {
    let world = World::default();
    let (first, second) = (world.stamped(&pipeline_run()), world.stamped(&pipeline_run()));
    assert_ne!(own(&first).trace_id, own(&second).trace_id);
    assert_eq!(own(&first).flags.bits(), 0x03, "sampled and random");
    assert_eq!(annotation(&first, "tracestamp.dev/tracestate"), Some("ot=th:0"));
    assert_eq!(parent(&first), None);
}

#[test]
fn tekton_is_handed_the_runs_own_context_in_its_own_form() {
    let run = World::default().stamped(&pipeline_run());
    let carrier: serde_json::Value =
        serde_json::from_str(annotation(&run, "tekton.dev/pipelinerunSpanContext").unwrap()).unwrap();
    assert_eq!(carrier, json!({"traceparent": own(&run).of_level_1().to_string(), "tracestate": "ot=th:0"}));
}

#[test]
fn tekton_and_steps_get_no_flag_that_opentelemetrys_go_library_refuses() {
    let world = World::default();
    let mut creators = pipeline_run();
    set(&mut creators, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03");
    for run in [pipeline_run(), creators] {
        let run = world.created(&run);
        let task_run = world.created(&task_run(&run));
        let pod = world.created(&pod(&task_run));
        for (object, key) in [
            (&run, "tekton.dev/pipelinerunSpanContext"),
            (&task_run, "tekton.dev/taskrunSpanContext"),
            (&pod, "step-make.tracestamp.dev/traceparent"),
        ] {
            assert_eq!(own(object).flags.bits(), 0x03, "kept among ourselves");
            let handed = annotation(object, key).unwrap();
            assert!(handed.contains("-01") && !handed.contains("-03"), "{handed}");
        }
    }
}

#[test]
fn a_task_run_of_its_own_is_a_root_with_tektons_other_carrier() {
    let mut run = pipeline_run();
    run["kind"] = json!("TaskRun");
    let run = World::default().stamped(&run);
    assert!(annotation(&run, "tekton.dev/taskrunSpanContext").unwrap().contains(&own(&run).of_level_1().to_string()));
    assert_eq!(annotation(&run, "tekton.dev/pipelinerunSpanContext"), None);
}

#[test]
fn a_custom_run_is_stamped_without_a_carrier_of_tektons() {
    let mut run = pipeline_run();
    run["apiVersion"] = json!("tekton.dev/v1beta1");
    run["kind"] = json!("CustomRun");
    let run = World::default().stamped(&run);
    assert!(own(&run).flags.sampled());
    assert!(!run.to_string().contains("SpanContext"));
}

#[test]
fn an_owner_without_spans_of_its_own_does_not_make_a_child() {
    // A run that some controller owns would otherwise hang under a span that nobody ever sends, for ever in one trace.
    let mut run = pipeline_run();
    run["metadata"]["ownerReferences"] = json!([{"apiVersion": "pipelinesascode.tekton.dev/v1alpha1", "kind": "Repository", "name": "r", "uid": "u", "controller": true}]);
    let world = World::default();
    let (first, second) = (world.stamped(&run), world.stamped(&run));
    assert_eq!(parent(&first), None);
    assert_ne!(own(&first).trace_id, own(&second).trace_id);
}

#[test]
fn other_annotations_stay_as_they_are() {
    let mut run = pipeline_run();
    run["metadata"]["annotations"] = json!({"team": "a/b~c", "empty": ""});
    let stamped = World::default().stamped(&run);
    assert_eq!(stamped["metadata"]["annotations"]["team"], "a/b~c");
    assert_eq!(stamped["metadata"]["annotations"]["empty"], "");
    assert_eq!(stamped["spec"], run["spec"]);
}

#[test]
fn the_root_span_carries_the_stamped_id() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let ended = end_of(&world, &run, succeeded());
    assert_eq!(ended.span("pipeline_run").record.context, own(&run));
    assert_eq!(ended.span("pipeline_run").record.parent, None);
    assert_eq!(ended.span("pipeline_run").record.tracestate, "ot=th:0");
}
