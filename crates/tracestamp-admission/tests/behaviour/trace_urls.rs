use serde_json::{Value, json};

use crate::world::*;

const KEY: &str = "tracestamp.dev/trace-url";

fn world() -> World {
    World::with(|config| config.trace_url = Some("https://jaeger.example.com/trace/{trace_id}".parse().unwrap()))
}

fn url_of(object: &Value) -> String {
    format!("https://jaeger.example.com/trace/{}", own(object).trace_id)
}

#[test]
fn every_root_says_where_its_trace_can_be_looked_at() {
    for kind in ["PipelineRun", "TaskRun", "CustomRun"] {
        let mut run = pipeline_run();
        run["kind"] = json!(kind);
        let run = world().stamped(&run);
        assert_eq!(annotation(&run, KEY), Some(&*url_of(&run)), "{kind}");
    }
}

#[test]
fn children_keep_the_url_that_tekton_copied_to_them() {
    let world = world();
    let run = world.created(&pipeline_run());
    let child = world.created(&task_run(&run));
    let pod = world.created(&pod(&child));
    for object in [&child, &pod] {
        assert_eq!(annotation(object, KEY), Some(&*url_of(&run)));
    }
}

#[test]
fn a_rerun_gets_the_url_of_its_own_trace() {
    let world = world();
    let old = world.created(&pipeline_run());
    let mut rerun = pipeline_run();
    rerun["metadata"]["annotations"] = old["metadata"]["annotations"].clone();
    let rerun = world.created(&rerun);
    assert_ne!(url_of(&rerun), url_of(&old));
    assert_eq!(annotation(&rerun, KEY), Some(&*url_of(&rerun)));
}

#[test]
fn a_url_that_leads_elsewhere_is_emptied() {
    let world = world();
    let mut child = task_run(&world.created(&pipeline_run()));
    set(&mut child, KEY, "https://elsewhere.example.com/");
    assert_eq!(world.created(&child)["metadata"]["annotations"][KEY], "");

    let without = World::default();
    let mut run = pipeline_run();
    set(&mut run, KEY, "https://elsewhere.example.com/");
    assert_eq!(without.created(&run)["metadata"]["annotations"][KEY], "");
    assert!(without.created(&pipeline_run())["metadata"]["annotations"][KEY].is_null());
}

#[test]
fn a_trace_that_is_not_recorded_has_no_url() {
    let mut run = pipeline_run();
    set(&mut run, "tracestamp.dev/sample", "never");
    assert_eq!(annotation(&world().created(&run), KEY), None);
}

#[test]
fn the_spans_of_runs_tell_it_whatever_the_annotation_says() {
    let world = world();
    let mut run = world.created(&pipeline_run());
    let url = url_of(&run);
    set(&mut run, KEY, "https://elsewhere.example.com/");
    let ended = end_of(&world, &run, succeeded());
    assert_eq!(ended.span("pipeline_run").attribute("cicd.pipeline.run.url.full"), Some(url.clone()));
    let child = world.created(&task_run(&run));
    let ended = end_of(&world, &child, succeeded());
    assert_eq!(ended.span("task_run").attribute("cicd.pipeline.task.run.url.full"), Some(url));
}
