use serde_json::{Value, json};

use crate::world::*;

fn pod_with(container: &Value) -> (World, Value) {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let mut object = pod(&world.created(&task_run(&run)));
    object["spec"]["containers"][0] = container.clone();
    (world, object)
}

fn env(world: &World, object: &Value) -> Value {
    world.stamped(object)["spec"]["containers"][0]["env"].clone()
}

fn names(env: &Value) -> Vec<&str> {
    env.as_array()
        .map(|env| env.iter().map(|variable| variable["name"].as_str().unwrap()).collect())
        .unwrap_or_default()
}

#[test]
fn every_container_and_init_container_reads_its_own_context_by_the_downward_api() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let object = world.stamped(&pod(&world.created(&task_run(&run))));
    let mut seen = std::collections::HashSet::new();
    for (list, index) in [("initContainers", 0), ("containers", 0), ("containers", 1)] {
        let container = &object["spec"][list][index];
        let key = format!("{}.tracestamp.dev/traceparent", container["name"].as_str().unwrap());
        assert_eq!(
            container["env"][0],
            json!({"name": "TRACEPARENT", "valueFrom": {"fieldRef": {"fieldPath": format!("metadata.annotations['{key}']")}}})
        );
        assert_eq!(container["env"][1]["name"], "TRACESTATE");
        assert!(seen.insert(annotation(&object, &key).unwrap().to_owned()), "each its own");
    }
}

#[test]
fn ours_come_first_so_that_users_variables_can_refer_to_them() {
    let (world, object) = pod_with(
        &json!({"name": "step-make", "env": [{"name": "A", "value": "$(TRACEPARENT)"}, {"name": "B", "value": "b"}]}),
    );
    let env = env(&world, &object);
    assert_eq!(names(&env), ["TRACEPARENT", "TRACESTATE", "A", "B"]);
    assert_eq!(env[2]["value"], "$(TRACEPARENT)");
}

#[test]
fn a_container_that_defines_traceparent_in_whatever_case_is_left_alone() {
    for name in ["TRACEPARENT", "traceparent", "TraceParent"] {
        let (world, object) = pod_with(&json!({"name": "step-make", "env": [{"name": name, "value": "mine"}]}));
        assert_eq!(env(&world, &object), json!([{"name": name, "value": "mine"}]));
    }
}

#[test]
fn a_tracestate_of_the_users_is_left_alone() {
    let (world, object) = pod_with(&json!({"name": "step-make", "env": [{"name": "tracestate", "value": "mine"}]}));
    assert_eq!(names(&env(&world, &object)), ["TRACEPARENT", "tracestate"]);
}

#[test]
fn a_container_with_env_from_is_left_alone_unless_the_pod_opts_in() {
    let container = json!({"name": "step-make", "envFrom": [{"configMapRef": {"name": "c"}}]});
    let (world, mut object) = pod_with(&container);
    assert_eq!(env(&world, &object), Value::Null);
    set(&mut object, "tracestamp.dev/env-from", "override");
    assert_eq!(names(&env(&world, &object)), ["TRACEPARENT", "TRACESTATE"]);
}

#[test]
fn an_environment_that_is_null_or_empty_gets_ours() {
    for given in [json!(null), json!([])] {
        let (world, object) = pod_with(&json!({"name": "step-make", "env": given}));
        assert_eq!(names(&env(&world, &object)), ["TRACEPARENT", "TRACESTATE"]);
    }
}

#[test]
fn an_environment_that_is_no_list_of_variables_is_left_as_it_is() {
    for given in [json!({"A": "b"}), json!("A=b"), json!(7), json!([7])] {
        let (world, object) = pod_with(&json!({"name": "step-make", "env": given}));
        assert_eq!(env(&world, &object), given);
    }
}

#[test]
fn ephemeral_containers_are_left_alone() {
    let (world, mut object) = pod_with(&json!({"name": "step-make"}));
    object["spec"]["ephemeralContainers"] = json!([{"name": "debug"}]);
    assert_eq!(world.stamped(&object)["spec"]["ephemeralContainers"], json!([{"name": "debug"}]));
}

#[test]
fn more_variables_are_given_only_when_the_operator_opts_in() {
    let world = World::with(|config| {
        config.environment.resource = true;
        config.environment.otlp_endpoint = Some("http://collector:4317/$(X)".to_owned());
        config.environment.baggage = true;
    });
    let mut run = pipeline_run();
    set(&mut run, "baggage", "team=a");
    let run = world.created(&run);
    let mut object = pod(&world.created(&task_run(&run)));
    object["spec"]["containers"][0]["env"] = json!([{"name": "OTEL_SERVICE_NAME", "value": "mine"}]);
    let object = world.stamped(&object);
    let first = &object["spec"]["containers"][0]["env"];
    let second = &object["spec"]["containers"][1]["env"];
    let all = [
        "TRACEPARENT",
        "TRACESTATE",
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "BAGGAGE",
    ];
    assert_eq!(names(second), all);
    assert_eq!(
        names(first),
        [
            "TRACEPARENT",
            "TRACESTATE",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "BAGGAGE",
            "OTEL_SERVICE_NAME"
        ]
    );
    assert_eq!(second[2]["value"], "compile");
    assert_eq!(
        second[3]["value"],
        "k8s.namespace.name=ci,k8s.pod.name=build-x7k2p-compile-pod,cicd.pipeline.run.id=uid-of-build-x7k2p,cicd.pipeline.task.name=compile"
    );
    assert_eq!(second[4]["value"], "http://collector:4317/$$(X)", "the kubelet would expand $(X)");
    assert_eq!(second[5]["value"], "team=a");
}

#[test]
fn a_step_speaks_under_the_id_it_was_given() {
    let world = World::default();
    let run = world.created(&pipeline_run());
    let object = world.created(&pod(&world.created(&task_run(&run))));
    let decided = world.update(&object, &with_status(&object, crate::missed::terminated()));
    for span in decided.spans.iter().filter(|span| span.what == "step") {
        let key = format!("step-{}.tracestamp.dev/traceparent", span.record.name);
        assert_eq!(annotation(&object, &key), Some(&*span.record.context.of_level_1().to_string()));
        assert_eq!(span.record.parent, Some(parent(&object).unwrap().span_id), "a step is below its TaskRun");
    }
    assert_eq!(decided.whats(), ["step", "step", "pod"]);
}
