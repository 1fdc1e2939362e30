use forms::cases;
use serde_json::json;
use tracestamp_core::CarrierMode;

use crate::world::*;

const CREATOR: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

mod forms {
    /// Every default key with a value in its form.
    pub fn cases() -> [(&'static str, String); 7] {
        let w3c = super::CREATOR.to_owned();
        let json = format!(r#"{{"traceparent":"{w3c}"}}"#);
        [
            ("tekton.dev/pipelinerunSpanContext", json.clone()),
            ("traceparent", w3c.clone()),
            ("tracing.k8s.io/traceparent", w3c),
            ("trace.kubernetes.io/context", "AABL+S81d7NNpqPOkp0ODkc2AQDwZ6oLqQK3AgE=".to_owned()),
            ("tekton/pipelinerun-span-context", json.clone()),
            ("tekton/taskrun-span-context", json),
            ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1".to_owned()),
        ]
    }
}

#[test]
fn a_creators_context_in_any_known_form_becomes_the_parent() {
    for (key, value) in cases() {
        let mut run = pipeline_run();
        set(&mut run, key, &value);
        let world = World::default();
        let run = world.created(&run);
        assert_eq!(own(&run).trace_id.to_string(), TRACE, "{key}");
        assert_eq!(parent(&run).unwrap().to_string(), CREATOR, "{key}");
        let ended = end_of(&world, &run, succeeded());
        let span = &ended.span("pipeline_run").record;
        assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7", "{key}");
        assert!(span.parent_is_remote);
        assert!(annotation(&run, "tekton.dev/pipelinerunSpanContext").unwrap().contains(&own(&run).to_string()));
    }
}

#[test]
fn tektons_carrier_counts_before_all_others() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", "00-11111111111111111111111111111111-1111111111111111-01");
    set(&mut run, "tekton.dev/pipelinerunSpanContext", &format!(r#"{{"traceparent":"{CREATOR}"}}"#));
    assert_eq!(own(&World::default().stamped(&run)).trace_id.to_string(), TRACE);
}

#[test]
fn a_malformed_carrier_is_replaced_and_counted() {
    // Tekton would start a new trace at every reconcile while its carrier does not parse.
    let mut run = pipeline_run();
    set(&mut run, "tekton.dev/pipelinerunSpanContext", "{broken");
    let world = World::default();
    assert_eq!(world.create(&run).notes, ["carrier_malformed"]);
    assert!(annotation(&world.stamped(&run), "tekton.dev/pipelinerunSpanContext").unwrap().contains("traceparent"));
}

#[test]
fn a_carrier_and_a_tracestate_over_their_limits_are_dropped_and_counted() {
    let world = World::default();
    let mut run = pipeline_run();
    set(&mut run, "traceparent", &format!("{CREATOR}{}", "x".repeat(1024)));
    assert_eq!(world.create(&run).notes, ["carrier_too_long"]);
    assert_ne!(own(&world.stamped(&run)).trace_id.to_string(), TRACE);
    let mut run = pipeline_run();
    set(&mut run, "traceparent", CREATOR);
    set(&mut run, "tracestate", &format!("a={}", "x".repeat(512)));
    assert_eq!(world.create(&run).notes, ["tracestate_dropped"]);
    let run = world.stamped(&run);
    assert_eq!(own(&run).trace_id.to_string(), TRACE, "the context itself is kept");
    assert_eq!(annotation(&run, "tracestamp.dev/tracestate"), None);
}

#[test]
fn the_creators_tracestate_and_baggage_are_passed_on() {
    let mut run = pipeline_run();
    set(
        &mut run,
        "tekton.dev/pipelinerunSpanContext",
        &format!(r#"{{"traceparent":"{CREATOR}","tracestate":"a=1","baggage":"user=x"}}"#),
    );
    let run = World::default().stamped(&run);
    assert_eq!(annotation(&run, "tracestamp.dev/tracestate"), Some("a=1"));
    let carrier: serde_json::Value =
        serde_json::from_str(annotation(&run, "tekton.dev/pipelinerunSpanContext").unwrap()).unwrap();
    assert_eq!(carrier, json!({"traceparent": own(&run).to_string(), "tracestate": "a=1", "baggage": "user=x"}));
}

#[test]
fn a_namespace_may_link_instead_of_join_or_take_no_notice() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", CREATOR);
    let mode = |mode| {
        World::with(|config| {
            config.carrier_mode_by_namespace.insert("ci".to_owned(), mode);
        })
    };
    let linked = mode(CarrierMode::Link).stamped(&run);
    assert_ne!(own(&linked).trace_id.to_string(), TRACE);
    assert_eq!(annotation(&linked, "tracestamp.dev/links"), Some(CREATOR));
    let ignored = mode(CarrierMode::Ignore).stamped(&run);
    assert_ne!(own(&ignored).trace_id.to_string(), TRACE);
    assert_eq!(annotation(&ignored, "tracestamp.dev/links"), None);
}

#[test]
fn two_runs_of_one_carrier_have_two_spans() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", CREATOR);
    let world = World::default();
    let (first, second) = (world.created(&run), world.created(&run));
    assert_eq!(own(&first).trace_id, own(&second).trace_id);
    assert_ne!(own(&first).span_id, own(&second).span_id);
    for run in [first, second] {
        let task_run = world.created(&task_run(&run));
        assert_eq!(parent(&task_run).unwrap().span_id, own(&run).span_id, "children know their own run");
        assert_eq!(end_of(&world, &run, succeeded()).span("pipeline_run").record.context, own(&run));
    }
}

#[test]
fn links_reach_the_span() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", CREATOR);
    let world = World::with(|config| config.carrier_mode = CarrierMode::Link);
    let run = world.created(&run);
    let ended = end_of(&world, &run, succeeded());
    assert_eq!(ended.span("pipeline_run").record.links.len(), 1);
    assert_eq!(ended.span("pipeline_run").record.links[0].trace_id.to_string(), TRACE);
    let child = world.created(&task_run(&run));
    assert_eq!(annotation(&child, "tracestamp.dev/links"), None, "the run's links are not its children's");
}
