use serde_json::{Value, json};

use crate::world::*;

fn failed(reason: &str, message: &str) -> Value {
    json!({"conditions": [{"type": "Succeeded", "status": "False", "reason": reason, "message": message}],
           "startTime": "2026-11-21T11:00:02Z", "completionTime": "2026-11-21T11:00:09Z"})
}

fn run() -> (World, Value) {
    let world = World::default();
    let run = world.created(&pipeline_run());
    (world, run)
}

#[test]
fn a_run_spans_from_its_creation_to_its_completion() {
    let (world, run) = run();
    let ended = end_of(&world, &run, succeeded());
    assert_eq!(ended.whats(), ["pending", "pipeline_run"]);
    let span = ended.span("pipeline_run");
    assert_eq!(span.times(), "11:00:00 11:00:09");
    assert_eq!(span.record.name, "RUN release");
    assert_eq!(span.attribute("cicd.pipeline.result").unwrap(), "success");
    assert_eq!(span.attribute("cicd.pipeline.name").unwrap(), "release");
    assert_eq!(span.attribute("cicd.pipeline.run.id").unwrap(), "uid-of-build-x7k2p");
    assert_eq!(span.attribute("pipelinerun").unwrap(), "build-x7k2p");
    assert!(!span.failed());
    let pending = ended.span("pending");
    assert_eq!(pending.times(), "11:00:00 11:00:02");
    assert_eq!(pending.record.parent, Some(span.record.context.span_id));
}

#[test]
fn nothing_ends_twice_and_nothing_ends_early() {
    let (world, run) = run();
    let ended = with_status(&run, succeeded());
    let mut noted = ended.clone();
    set(&mut noted, "chains.tekton.dev/signed", "true");
    assert!(world.update(&ended, &noted).spans.is_empty());
    assert!(world.delete(&ended, json!(0)).spans.is_empty());
    let unknown = json!({"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running"}]});
    assert!(end_of(&world, &run, unknown).spans.is_empty());
    let verified = json!({"conditions": [{"type": "TrustedResourcesVerified", "status": "True"}]});
    assert!(end_of(&world, &run, verified).spans.is_empty());
}

#[test]
fn whatever_ends_false_is_an_error_and_the_result_tells_why() {
    let (world, run) = run();
    for (reason, result, error) in [
        ("Failed", "failure", "Failed"),
        ("Cancelled", "cancellation", "Cancelled"),
        ("PipelineRunTimeout", "timeout", "PipelineRunTimeout"),
        ("CouldntCreateWorkspacePVC", "error", "CouldntCreateWorkspacePVC"),
        ("SomethingNew", "failure", "_OTHER"),
    ] {
        let ended = end_of(&world, &run, failed(reason, "token=s3cret"));
        let span = ended.span("pipeline_run");
        assert!(span.failed(), "{reason}");
        assert_eq!(span.attribute("cicd.pipeline.result").unwrap(), result);
        assert_eq!(span.attribute("error.type").unwrap(), error);
        assert!(!format!("{span:?}").contains("s3cret"));
    }
}

#[test]
fn a_run_is_named_by_what_it_is_a_run_of_and_never_by_its_own_name() {
    let world = World::default();
    let named = |change: &dyn Fn(&mut Value)| {
        let mut object = pipeline_run();
        object["spec"] = json!({"pipelineSpec": {}});
        change(&mut object);
        let run = world.created(&object);
        end_of(&world, &run, succeeded()).span("pipeline_run").record.name.to_string()
    };
    assert_eq!(named(&|run| run["spec"] = json!({"pipelineRef": {"name": "release"}})), "RUN release");
    assert_eq!(
        named(&|run| run["metadata"]["labels"] = json!({"pipelinesascode.tekton.dev/original-prname": "pr"})),
        "RUN pr"
    );
    let labelled = |spec: Value, pipeline: &str| {
        named(&|run| {
            run["spec"] = spec.clone();
            run["metadata"]["labels"] = json!({"tekton.dev/pipeline": pipeline});
        })
    };
    assert_eq!(labelled(json!({"pipelineRef": {"resolver": "git"}}), "resolved"), "RUN resolved");
    // Of an embedded definition the label has the run's own name; of a rerun that of the run before.
    assert_eq!(labelled(json!({"pipelineSpec": {}}), "build-x7k2p"), "RUN build");
    assert_eq!(labelled(json!({"pipelineSpec": {}}), "build-b7d2m"), "RUN build");
    assert_eq!(named(&|run| run["metadata"]["generateName"] = json!("build-b7d2m-r-")), "RUN build");
    assert_eq!(named(&|_| {}), "RUN build");
    assert_eq!(named(&|run| run["metadata"] = json!({"name": "run-4711", "namespace": "ci"})), "RUN");
}

#[test]
fn finally_is_a_part_of_its_own() {
    let (world, run) = run();
    let mut status = succeeded();
    status["finallyStartTime"] = json!("2026-11-21T11:00:06Z");
    let ended = end_of(&world, &run, status);
    assert_eq!(ended.span("finally").times(), "11:00:06 11:00:09");
    assert_eq!(ended.span("finally").attribute("tracestamp.result"), None, "what came of its tasks is theirs to tell");
    let mut status = succeeded();
    status["finallyStartTime"] = json!("2026-11-21T11:00:09Z");
    assert_eq!(end_of(&world, &run, status).whats(), ["pending", "pipeline_run"], "without length it tells nothing");
}

#[test]
fn skipped_tasks_are_events_of_the_run() {
    let (world, run) = run();
    let mut status = succeeded();
    status["skippedTasks"] = json!([{"name": "deploy", "reason": "When Expressions evaluated to false"}]);
    let ended = end_of(&world, &run, status);
    let event = &ended.span("pipeline_run").record.events[0];
    assert_eq!(event.name, "task skipped");
    assert!(format!("{event:?}").contains("deploy"));
}

#[test]
fn a_task_run_is_named_by_its_pipeline_task() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let ended = end_of(&world, &task, succeeded());
    let span = ended.span("task_run");
    assert_eq!(span.record.name, "compile");
    assert_eq!(span.attribute("taskrun").unwrap(), "build-x7k2p-compile");
    assert_eq!(span.attribute("pipelinerun").unwrap(), "build-x7k2p");
    assert_eq!(span.attribute("cicd.pipeline.task.name").unwrap(), "compile");
    assert_eq!(span.attribute("cicd.pipeline.task.run.result").unwrap(), "success");
    assert_eq!(span.record.parent, Some(own(&run).span_id));
}

#[test]
fn all_spans_of_a_run_have_one_resource() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let pod = world.created(&pod(&task));
    let mut resources: Vec<_> = [
        end_of(&world, &run, succeeded()),
        end_of(&world, &task, succeeded()),
        world.update(&pod, &with_status(&pod, crate::missed::terminated())),
    ]
    .iter()
    .flat_map(|decided| decided.spans.iter().map(|span| format!("{:?}", span.record.resource)).collect::<Vec<_>>())
    .collect();
    resources.dedup();
    assert_eq!(resources.len(), 1, "{resources:?}");
}

fn retried(world: &World, task: &Value) -> (Value, Value) {
    let entry = json!({"conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed",
        "message": "\"step-make\" exited with code 3: x"}], "startTime": "2026-11-21T11:00:01Z",
        "completionTime": "2026-11-21T11:00:04Z", "podName": "p"});
    let before = json!({"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running"}], "startTime": "2026-11-21T11:00:01Z"});
    let after = json!({"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "ToBeRetried"}], "retriesStatus": [entry]});
    let _ = world;
    (with_status(task, before), with_status(task, after))
}

#[test]
fn an_attempt_that_is_tried_again_is_told_when_it_is_written_down() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let (before, after) = retried(&world, &task);
    let decided = world.update(&before, &after);
    assert_eq!(decided.whats(), ["attempt"]);
    let span = decided.span("attempt");
    assert_eq!(span.record.name, "attempt 1");
    assert_eq!(span.times(), "11:00:01 11:00:04");
    assert!(span.failed());
    assert_eq!(span.record.status, tracestamp_core::span::Status::Error("\"step-make\" exited with code 3".into()));
    assert_eq!(span.record.parent, Some(own(&task).span_id));
}

#[test]
fn the_last_attempt_is_told_at_the_end_and_pending_is_that_of_the_first() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let (_, after) = retried(&world, &task);
    let mut status = succeeded();
    status["retriesStatus"] = after["status"]["retriesStatus"].clone();
    status["startTime"] = json!("2026-11-21T11:00:05Z");
    let decided = world.update(&after, &with_status(&task, status));
    assert_eq!(decided.whats(), ["pending", "attempt", "task_run"]);
    assert_eq!(decided.span("attempt").record.name, "attempt 2");
    assert_eq!(decided.span("attempt").times(), "11:00:05 11:00:09");
    assert_eq!(decided.span("pending").times(), "11:00:00 11:00:01");
}

#[test]
fn steps_that_tekton_invents_on_timeout_are_events_and_no_spans() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let mut status = failed("TaskRunTimeout", "TaskRun \"x\" failed to finish within \"10s\"");
    status["steps"] = json!([{"name": "make", "terminationReason": "TaskRunTimeout", "terminated": {"exitCode": 1, "reason": "TaskRunTimeout"}}]);
    let ended = end_of(&world, &task, status);
    assert_eq!(ended.whats(), ["pending", "task_run"]);
    assert_eq!(ended.span("task_run").record.events[0].name, "step terminated");
}

#[test]
fn an_out_of_memory_step_makes_a_plain_failure_the_clusters() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let mut status = failed("Failed", "");
    status["steps"] = json!([{"name": "make", "terminated": {"exitCode": 137, "reason": "OOMKilled"}}]);
    assert_eq!(
        end_of(&world, &task, status).span("task_run").attribute("cicd.pipeline.task.run.result").unwrap(),
        "error"
    );
}

#[test]
fn a_custom_run_whose_controller_tells_no_completion_ends_with_its_condition() {
    let (world, run) = run();
    let mut custom = task_run(&run);
    custom["kind"] = json!("CustomRun");
    let custom = world.created(&custom);
    let status =
        json!({"conditions": [{"type": "Succeeded", "status": "True", "lastTransitionTime": "2026-11-21T11:00:07Z"}]});
    let ended = end_of(&world, &custom, status);
    assert_eq!(ended.span("custom_run").times(), "11:00:00 11:00:07");
    assert_eq!(ended.span("custom_run").record.name, "compile");
}

#[test]
fn a_completion_before_the_creation_is_clamped_and_marked() {
    let (world, run) = run();
    let mut status = succeeded();
    status["completionTime"] = json!("2026-11-21T10:00:00Z");
    let ended = end_of(&world, &run, status);
    assert_eq!(ended.span("pipeline_run").times(), "11:00:00 11:00:00");
    assert_eq!(ended.span("pipeline_run").attribute("tracestamp.clamped").unwrap(), "true");
}

#[test]
fn labels_and_annotations_are_told_only_when_named() {
    let world = World::with(|config| {
        config.label_attributes.push("team".to_owned());
        config.annotation_attributes.push("ticket".to_owned());
    });
    let mut run = pipeline_run();
    run["metadata"]["labels"] = json!({"team": "a", "other": "hidden-label"});
    set(&mut run, "ticket", "T-1");
    set(&mut run, "more", "hidden-annotation");
    let run = world.created(&run);
    let ended = end_of(&world, &run, succeeded());
    let span = ended.span("pipeline_run");
    assert_eq!(span.attribute("tekton.pipelinerun.label.team").unwrap(), "a");
    assert_eq!(span.attribute("tekton.pipelinerun.annotation.ticket").unwrap(), "T-1");
    assert!(!format!("{span:?}").contains("hidden"));
}

#[test]
fn attempts_of_a_custom_run_are_told_as_those_of_a_task_run() {
    let (world, run) = run();
    let mut custom = task_run(&run);
    custom["kind"] = json!("CustomRun");
    let custom = world.created(&custom);
    let (before, after) = retried(&world, &custom);
    assert_eq!(world.update(&before, &after).span("attempt").record.name, "attempt 1");
}

#[test]
fn an_attempt_that_seems_to_begin_before_its_run_is_clamped_to_it() {
    let (world, run) = run();
    let task = world.created(&task_run(&run));
    let (before, mut after) = retried(&world, &task);
    after["status"]["retriesStatus"][0]["startTime"] = json!("2026-11-21T10:59:58Z");
    let decided = world.update(&before, &after);
    assert_eq!(decided.span("attempt").times(), "11:00:00 11:00:04");
    assert_eq!(decided.span("attempt").attribute("tracestamp.clamped").unwrap(), "true");
}
