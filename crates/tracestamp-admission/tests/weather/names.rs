//! What a run is called, and which trace it is in: labels that are copied down are no facts about the object.

use serde_json::{Value, json};

use crate::cases::{embedded_child, label};
use crate::cluster::Cluster;
use crate::expect::{expect, select};
use crate::objects::*;

/// A PipelineRun that `run` creates of a Pipeline by reference; `labelled` as later releases of Tekton do it.
fn referenced_child(run: &Value, task: &str, labelled: bool) -> Value {
    let spec = json!({"pipelineRef": {"name": "acceptance"}});
    let mut child = run_of_task(run, task, json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": spec}));
    if labelled {
        child["metadata"]["labels"]["tekton.dev/pipeline"] = json!("acceptance");
    }
    child
}

fn embedded(generate_name: &str) -> Value {
    let mut run = pipeline_run(generate_name);
    run["spec"] = json!({"pipelineSpec": {"tasks": []}});
    run
}

fn end(cluster: &mut Cluster, at: &str, run: &mut Value) {
    cluster.update(at, run, |run| succeeded(run, "True", "Succeeded", "", "10:00:05", at));
}

#[test]
fn pipelines_in_pipelines_are_one_trace_and_each_is_named_by_what_it_is() {
    for stamps in [true, false] {
        for parent in [pipeline_run("ship-"), embedded("ship-")] {
            for by_reference in [None, Some(true), Some(false)] {
                let mut cluster = if stamps { Cluster::new() } else { Cluster::never_stamping() };
                let child_of = |cluster: &mut Cluster, run: &mut Value, task| {
                    label(run);
                    let child = by_reference
                        .map_or_else(|| embedded_child(run, task), |labelled| referenced_child(run, task, labelled));
                    cluster.create("10:00:01", child)
                };
                let mut first = cluster.create("10:00:00", parent.clone());
                let mut second = child_of(&mut cluster, &mut first, "audit");
                let mut third = child_of(&mut cluster, &mut second, "deep");
                label(&mut third);
                let (mut task, mut pod) = cluster.task("10:00:02", &third, "inspect", "step-look");
                cluster.update("10:00:20", &mut pod, |pod| {
                    prepared(pod, "10:00:02", "10:00:03");
                    set(
                        pod,
                        "Running",
                        &[("step-look", step(ended(0, "Completed", "10:00:04", "10:00:19"), "10:00:05", &[]))],
                    );
                });
                for (at, run) in [
                    ("10:00:21", &mut task),
                    ("10:00:22", &mut third),
                    ("10:00:23", &mut second),
                    ("10:00:24", &mut first),
                ] {
                    end(&mut cluster, at, run);
                }
                let spans = cluster.spans();
                let of = |task| if by_reference.is_some() { "acceptance".to_owned() } else { format!("{task}|-") };
                let name =
                    |task| if by_reference.is_some() { "RUN acceptance".to_owned() } else { format!("RUN {task}|RUN") };
                let child = |task, parent| {
                    let (name, of) = (name(task), of(task));
                    format!(
                        "name={name}, cicd.pipeline.name={of}, cicd.pipeline.task.name={task}, parent=pipeline_run/{parent}"
                    )
                };
                let what = format!("stamped {stamps}, {}, by reference {by_reference:?}", parent["spec"]);
                expect(
                    &what,
                    &spans,
                    &[
                        ("pipeline_run uid-of-ship-h4v8t", "name=RUN ship, parent=-"),
                        ("pipeline_run uid-of-ship-h4v8t-audit", &child("audit", "uid-of-ship-h4v8t")),
                        ("pipeline_run uid-of-ship-h4v8t-audit-deep", &child("deep", "uid-of-ship-h4v8t-audit")),
                        ("task_run inspect", "parent=pipeline_run/uid-of-ship-h4v8t-audit-deep"),
                        ("pod", "parent=task_run/inspect"),
                        ("step look", "parent=task_run/inspect"),
                    ],
                );
                let trace = select(&spans, "pipeline_run uid-of-ship-h4v8t")[0].context.trace_id;
                assert!(
                    spans.iter().all(|span| span.context.trace_id == trace),
                    "{what}: {}",
                    crate::tree::text(&spans)
                );
                crate::dealing::assert_same_spans_however_dealt(&what, &cluster.calls());
            }
        }
    }
}

#[test]
fn a_rerun_is_not_named_by_the_generated_name_of_another_run() {
    // A rerun takes the name of what it reruns for its generateName, and its labels with it.
    for (generate_name, pipeline_label) in [
        ("ship-x4k9q-", None),
        ("ship-x4k9q-", Some("ship-x4k9q")),
        ("ship-x4k9q-", Some("ship-x4k9q-")),
        ("ship-x4k9q-b7m2x-", None),
        ("ship-x4k9q-r-", Some("ship-x4k9q-r")),
        ("rerun-", Some("ship-x4k9q")),
    ] {
        let mut cluster = Cluster::new();
        let mut run = embedded(generate_name);
        if let Some(label) = pipeline_label {
            run["metadata"]["labels"]["tekton.dev/pipeline"] = json!(label);
        }
        let mut run = cluster.create("10:00:00", run);
        label(&mut run);
        end(&mut cluster, "10:00:20", &mut run);
        let spans = cluster.spans();
        let run = select(&spans, "pipeline_run")[0];
        let name = run.name.to_string();
        let of = crate::tree::attribute(run, "cicd.pipeline.name").unwrap_or_default();
        for generated in ["x4k9q", "b7m2x"] {
            assert!(
                !name.contains(generated) && !of.contains(generated),
                "{generate_name} {pipeline_label:?}: {name}, {of}"
            );
        }
    }
}

#[test]
fn a_pipeline_whose_name_looks_generated_keeps_it() {
    let mut cluster = Cluster::new();
    let mut run = pipeline_run("sync-");
    run["spec"]["pipelineRef"]["name"] = json!("sync-xml25");
    let mut run = cluster.create("10:00:00", run);
    label(&mut run);
    end(&mut cluster, "10:00:20", &mut run);
    expect("reference", &cluster.spans(), &[("pipeline_run", "name=RUN sync-xml25, cicd.pipeline.name=sync-xml25")]);
}

#[test]
fn a_run_of_a_resolved_pipeline_is_named_by_its_label() {
    // The name is in parameters of the resolver, which are not read; Tekton writes it into the label.
    let mut cluster = Cluster::new();
    let mut run = pipeline_run("on-push-");
    run["spec"] = json!({"pipelineRef": {"resolver": "cluster", "params": [{"name": "name", "value": "ship"}]}});
    let mut run = cluster.create("10:00:00", run);
    run["metadata"]["labels"]["tekton.dev/pipeline"] = json!("ship");
    end(&mut cluster, "10:00:20", &mut run);
    expect("resolver", &cluster.spans(), &[("pipeline_run", "name=RUN ship, cicd.pipeline.name=ship")]);
}
