//! Runs that create runs, and runs that other controllers create.

use serde_json::{Value, json};

use crate::call::Call;
use crate::cases::Case;
use crate::cluster::Cluster;
use crate::expect::Row;
use crate::objects::*;

/// A PipelineRun of an embedded Pipeline that `run` creates for one of its tasks.
pub fn embedded_child(run: &Value, task: &str) -> Value {
    let spec = json!({"pipelineSpec": {"tasks": [{"name": "inspect", "taskRef": {"name": "inspect"}}]}});
    run_of_task(run, task, json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": spec}))
}

/// Tekton's label on a run of its own, written once it has the run
/// (`pkg/reconciler/pipelinerun/pipelinerun.go` propagatePipelineNameLabelToPipelineRun).
pub fn label(run: &mut Value) {
    let name = run["metadata"]["name"].as_str().unwrap().to_owned();
    let pipeline = run["spec"]["pipelineRef"]["name"].as_str().map_or(name, str::to_owned);
    let label = &mut run["metadata"]["labels"]["tekton.dev/pipeline"];
    if label.is_null() {
        *label = json!(pipeline);
    }
}

#[test]
fn a_pipeline_in_a_pipeline_is_named_by_what_it_is() {
    PIPELINE_IN_A_PIPELINE.check();
    PIPELINE_IN_A_PIPELINE_NEVER_STAMPED.check();
}

const NESTED: &[Row<'static>] = &[
    ("pipeline_run uid-of-ship-h4v8t", "name=RUN ship, cicd.pipeline.name=ship"),
    (
        "pipeline_run uid-of-ship-h4v8t-audit",
        "name=RUN audit|RUN, cicd.pipeline.name=audit|-, cicd.pipeline.task.name=audit, has=ship-h4v8t, parent=pipeline_run/uid-of-ship-h4v8t",
    ),
    ("task_run ship-h4v8t-audit-inspect", "parent=pipeline_run/uid-of-ship-h4v8t-audit"),
    ("pipeline_run uid-of-hourly-p2k6d", "name=RUN hourly|RUN"),
    (
        "pipeline_run uid-of-hourly-p2k6d-audit",
        "name=RUN audit|RUN, cicd.pipeline.name=audit|-, cicd.pipeline.task.name=audit, has=hourly-p2k6d, parent=pipeline_run/uid-of-hourly-p2k6d",
    ),
    ("pod hourly-p2k6d-audit-inspect", "parent=task_run/hourly-p2k6d-audit-inspect"),
];

/// tektoncd/pipeline#9432, #9698. The first parent has its Pipeline by reference, the second within.
pub const PIPELINE_IN_A_PIPELINE: Case =
    Case { name: "pipeline-in-a-pipeline", record: || nested(Cluster::new()), rows: NESTED };

pub const PIPELINE_IN_A_PIPELINE_NEVER_STAMPED: Case =
    Case { name: "pipeline-in-a-pipeline-never-stamped", record: || nested(Cluster::never_stamping()), rows: NESTED };

fn nested(mut cluster: Cluster) -> Vec<Call> {
    let mut embedded = pipeline_run("hourly-");
    embedded["spec"] = json!({"pipelineSpec": {"tasks": [{"name": "audit"}]}});
    for (hour, run) in [("10", pipeline_run("ship-")), ("11", embedded)] {
        let at = |time: &str| format!("{hour}:{time}");
        let mut parent = cluster.create(&at("00:00"), run);
        label(&mut parent);
        let mut child = cluster.create(&at("00:01"), embedded_child(&parent, "audit"));
        let (mut task, mut pod) = cluster.task(&at("00:02"), &child, "inspect", "init:prepare step-look");
        cluster.update(&at("00:09.2"), &mut pod, |pod| {
            prepared(pod, &at("00:02"), &at("00:03"));
            let looked = step(ended(0, "Completed", &at("00:05"), &at("00:09")), &at("00:05.7"), &[]);
            let prepare = ended(0, "Completed", &at("00:03"), &at("00:04"));
            set(pod, "Running", &[("prepare", prepare), ("step-look", looked)]);
        });
        let end = |run: &mut Value, start: &str, end: &str| succeeded(run, "True", "Succeeded", "", start, end);
        cluster.update(&at("00:10.1"), &mut task, |run| end(run, &at("00:02"), &at("00:10")));
        cluster.update(&at("00:11.1"), &mut child, |run| end(run, &at("00:01"), &at("00:11")));
        cluster.update(&at("00:12.1"), &mut parent, |run| end(run, &at("00:00"), &at("00:12")));
    }
    cluster.calls()
}

#[test]
fn what_pipelines_as_code_cleans_for_labels_is_read_from_its_annotations() {
    ANNOTATIONS_OF_PIPELINES_AS_CODE.check();
}

/// tektoncd/pipelines-as-code `pkg/kubeinteraction/labels.go`, #2605, #2790.
pub const ANNOTATIONS_OF_PIPELINES_AS_CODE: Case = Case {
    name: "annotations-of-pipelines-as-code",
    record: || {
        let mut run = pipeline_run("on-review-");
        run["spec"] = json!({"pipelineSpec": {"tasks": []}});
        let sha = "7be1c07d2f5a4b93e8d6a1c0f4b72e9d5a3c8f16";
        for (key, label, annotation) in [
            ("url-org", Some("tools-core-libs"), "tools/core/libs"),
            ("url-repository", Some("fast-json"), "Fast_JSON"),
            ("sha", Some(sha), sha),
            ("pull-request", Some("208"), "208"),
            ("original-prname", Some("on-review"), "on-review"),
            ("event-type", Some("Merge_Request"), "Merge Request"),
            ("git-provider", None, "gitlab"),
            ("source-branch", None, "fix/overflow"),
        ] {
            let key = format!("pipelinesascode.tekton.dev/{key}");
            run["metadata"]["annotations"][&key] = json!(annotation);
            if let Some(label) = label {
                run["metadata"]["labels"][&key] = json!(label);
            }
        }
        let carrier = r#"{"traceparent":"00-9a3f6e2b7c1d40588e4b6a9d0c2f7135-c4d1e8f2a7b39056-01"}"#;
        run["metadata"]["annotations"]["tekton.dev/pipelinerunSpanContext"] = json!(carrier);
        let mut cluster = Cluster::new();
        let mut run = cluster.create("10:00:00", run);
        cluster.update("10:00:20.3", &mut run, |run| succeeded(run, "True", "Succeeded", "", "10:00:06", "10:00:20"));
        cluster.calls()
    },
    rows: &[
        (
            "pipeline_run",
            "unset, name=RUN on-review, vcs.owner.name=tools/core/libs, vcs.repository.name=Fast_JSON, \
             vcs.provider.name=gitlab, vcs.change.id=208, vcs.ref.head.revision=7be1c07d2f5a4b93e8d6a1c0f4b72e9d5a3c8f16, \
             trace=9a3f6e2b7c1d40588e4b6a9d0c2f7135, parent=c4d1e8f2a7b39056",
        ),
        ("pending", "10:00:00..10:00:06"),
    ],
};

fn approval(run: &Value, task: &str) -> Value {
    let reference = json!({"apiVersion": "openshift-pipelines.org/v1alpha1", "kind": "ApprovalTask", "name": "go"});
    let object = json!({"apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "spec": {"customRef": reference}});
    run_of_task(run, task, object)
}

#[test]
fn a_custom_run_whose_controller_writes_what_it_likes_ends_when_its_condition_changed() {
    APPROVAL_GATE.check();
    assert!(!format!("{:?}", crate::call::spans(&(APPROVAL_GATE.record)())).contains("freeze"));
}

/// tektoncd/pipeline#5754, tektoncd/community#891, #881.
pub const APPROVAL_GATE: Case = Case {
    name: "approval-gate",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("10:00:00", pipeline_run("ship-"));
        let mut gate = cluster.create("10:00:00", approval(&run, "sign-off"));
        cluster.update("10:00:02", &mut gate, |gate| {
            succeeded(gate, "Unknown", "Running", "", "10:00:02", "10:00:02");
            gate["status"].as_object_mut().unwrap().remove("startTime");
        });
        cluster.update("10:25:00.4", &mut gate, |gate| {
            succeeded(gate, "False", "Refused", "refused by kim: freeze until Monday", "10:00:02", "10:25:00");
            let status = gate["status"].as_object_mut().unwrap();
            status.remove("startTime");
            status.remove("completionTime");
        });
        let mut gate = cluster.create("11:00:00", approval(&run, "retried"));
        cluster.update("11:00:02", &mut gate, |gate| succeeded(gate, "Unknown", "Running", "", "11:00:02", "11:00:02"));
        cluster.update("11:15:02.2", &mut gate, |gate| {
            let mut attempt = json!({"status": {}});
            succeeded(&mut attempt, "False", "CustomRunTimedOut", "", "11:00:02", "11:15:02");
            gate["status"] = json!({"retriesStatus": [attempt["status"]]});
        });
        cluster.update("11:15:03", &mut gate, |gate| succeeded(gate, "Unknown", "Running", "", "11:15:03", "11:15:03"));
        cluster
            .update("11:18:00.1", &mut gate, |gate| succeeded(gate, "True", "Succeeded", "", "11:15:03", "11:18:00"));
        cluster.calls()
    },
    rows: &[
        ("custom_run ship-h4v8t-sign-off", "10:00:00..10:25:00, error, error.type=_OTHER, message=-"),
        ("attempt ship-h4v8t-retried 1", "11:00:02..11:15:02, error, result=timeout"),
        ("attempt ship-h4v8t-retried 2", "11:15:03..11:18:00, unset"),
        ("pending ship-h4v8t-retried", "11:00:00..11:00:02"),
        ("custom_run ship-h4v8t-retried", "11:00:00..11:18:00, unset, result=success"),
    ],
};

#[test]
fn runs_that_hand_on_their_carrier_are_one_trace() {
    ONE_TRACE_THROUGH_KONFLUX.check();
    assert!(!format!("{:?}", crate::call::spans(&(ONE_TRACE_THROUGH_KONFLUX.record)())).contains("s3cr3t"));
}

/// tektoncd/pipelines-as-code#2605, konflux-ci/integration-service#1543, konflux-ci/release-service#1544. The last run has
/// the carrier of a proposal (tektoncd/pipeline#9377) that no release of Tekton's reads.
pub const ONE_TRACE_THROUGH_KONFLUX: Case = Case {
    name: "one-trace-through-konflux",
    record: || {
        let carrier = "tekton.dev/pipelinerunSpanContext";
        let mut cluster = Cluster::new();
        let mut run = pipeline_run("on-push-");
        let theirs = r#"{"baggage":"team=k","traceparent":"00-9a3f6e2b7c1d40588e4b6a9d0c2f7135-c4d1e8f2a7b39056-01","tracestate":"acme=1"}"#;
        run["metadata"]["annotations"] = json!({carrier: theirs});
        let mut build = cluster.create("10:00:00", run);
        cluster.update("10:08:00.2", &mut build, |run| succeeded(run, "True", "Completed", "", "10:00:00", "10:08:00"));
        let mut run = pipeline_run("checks-");
        run["metadata"]["annotations"] = json!({carrier: build["metadata"]["annotations"][carrier]});
        let mut checks = cluster.create("10:08:04", run);
        cluster.update("10:08:30.2", &mut checks, |run| {
            let message = "Error retrieving pipeline for pipelinerun: authorization s3cr3t was refused";
            succeeded(run, "False", "CouldntGetPipeline", message, "10:08:04", "10:08:30");
        });
        let mut run = pipeline_run("publish-");
        run["metadata"]["annotations"] =
            json!({"tekton.dev/traceparent": "00-9a3f6e2b7c1d40588e4b6a9d0c2f7135-c4d1e8f2a7b39056-01"});
        let mut publish = cluster.create("10:20:00", run);
        cluster
            .update("10:21:00.2", &mut publish, |run| succeeded(run, "True", "Completed", "", "10:20:00", "10:21:00"));
        cluster.calls()
    },
    rows: &[
        ("pipeline_run on-push-h4v8t", "trace=9a3f6e2b7c1d40588e4b6a9d0c2f7135, parent=c4d1e8f2a7b39056"),
        (
            "pipeline_run checks-p2k6d",
            "parent=pipeline_run/on-push-h4v8t, name=RUN checks, error, result=failure, message=-",
        ),
        ("pipeline_run publish-w9c5z", "parent=-, unset"),
    ],
};
