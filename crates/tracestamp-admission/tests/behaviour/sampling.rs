use serde_json::json;
use tracestamp_core::context::Sampler;

use crate::world::*;

const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

#[test]
fn an_unsampled_run_is_stamped_and_its_children_too_but_nothing_is_recorded() {
    let world = World::with(|config| config.sampler = Sampler::ratio(0.0).unwrap());
    let run = world.created(&pipeline_run());
    assert_eq!(own(&run).flags.bits(), 0x02);
    assert_eq!(annotation(&run, "tracestamp.dev/tracestate"), None);
    let task_run = world.created(&task_run(&run));
    assert_eq!(own(&task_run).flags.bits(), 0x02);
    assert!(end_of(&world, &run, succeeded()).spans.is_empty());
    assert!(end_of(&world, &task_run, succeeded()).spans.is_empty());
    let pod = world.created(&pod(&task_run));
    assert!(pod["spec"]["containers"][0]["env"][0]["name"] == "TRACEPARENT", "programs are told not to sample");
}

#[test]
fn the_creators_decision_and_random_flag_are_kept() {
    let world = World::default();
    for (flags, bits) in [("00", 0), ("01", 1), ("02", 2), ("03", 3)] {
        let mut run = pipeline_run();
        set(&mut run, "traceparent", &format!("{}{flags}", &UNSAMPLED[..53]));
        assert_eq!(own(&world.stamped(&run)).flags.bits(), bits);
    }
}

#[test]
fn a_root_may_override_the_ratio_and_its_creator() {
    let never = World::with(|config| config.sampler = Sampler::ratio(0.0).unwrap());
    let mut run = pipeline_run();
    set(&mut run, "tracestamp.dev/sample", "always");
    let stamped = never.stamped(&run);
    assert!(own(&stamped).flags.sampled());
    assert_eq!(annotation(&stamped, "tracestamp.dev/tracestate"), Some("ot=th:0"));
    set(&mut run, "traceparent", UNSAMPLED);
    assert!(own(&never.stamped(&run)).flags.sampled());
    let mut run = pipeline_run();
    set(&mut run, "tracestamp.dev/sample", "never");
    assert!(!own(&World::default().stamped(&run)).flags.sampled());
}

#[test]
fn a_threshold_that_contradicts_the_decision_is_not_passed_on() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", UNSAMPLED);
    set(&mut run, "tracestate", "ot=th:0,a=1");
    assert_eq!(annotation(&World::default().stamped(&run), "tracestamp.dev/tracestate"), Some("a=1"));
}

#[test]
fn an_object_that_was_never_stamped_is_sampled_by_its_derived_trace_id() {
    let span = |ratio: f64| {
        let world = World::with(|config| config.sampler = Sampler::ratio(ratio).unwrap());
        let mut run = pipeline_run();
        born(&mut run, "build-x7k2p");
        end_of(&world, &run, json!(succeeded())).spans.len()
    };
    assert_ne!(span(1.0), 0);
    assert_eq!(span(0.0), 0);
}

#[test]
fn a_threshold_never_makes_the_tracestate_too_long_to_be_read_again() {
    let mut run = pipeline_run();
    set(&mut run, "traceparent", UNSAMPLED);
    set(&mut run, "tracestate", &format!("a={}", "x".repeat(508)));
    set(&mut run, "tracestamp.dev/sample", "always");
    assert_eq!(annotation(&World::default().stamped(&run), "tracestamp.dev/tracestate"), Some("ot=th:0"));
}
