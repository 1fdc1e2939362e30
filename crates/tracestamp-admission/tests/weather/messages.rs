//! How much of a run's message becomes the status description.

use crate::cluster::Cluster;
use crate::expect::expect;
use crate::objects::*;

/// What the kubelet says of a Pod that it evicts (`pkg/kubelet/eviction/helpers.go`), and of one when its node shuts down
/// (`pkg/kubelet/nodeshutdown/nodeshutdown_manager.go`) or has to make room (`pkg/kubelet/preemption/preemption.go`).
pub const OF_THE_NODE: [&str; 6] = [
    "The node was low on resource: ephemeral-storage.",
    "Container step-make exceeded its local ephemeral storage limit \"1Gi\".",
    "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi.",
    "Usage of EmptyDir volume \"ws-x7k2p\" exceeds the limit \"512Mi\".",
    "Pod was terminated in response to imminent node shutdown.",
    "Preempted in order to admit critical pod",
];

/// What it says of a Pod that it does not take.
pub const REJECTIONS: [&str; 4] = [
    "Pod was rejected: The node had condition: [DiskPressure].",
    "Pod was rejected: Pod was rejected as the node is shutting down.",
    "Pod was rejected: Node didn't have enough resource: cpu, requested: 4000, used: 1100, capacity: 2000",
    "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
];

/// What Tekton says of a container (`pkg/pod/status.go`).
pub const OF_A_CONTAINER: [&str; 4] = [
    "\"step-make\" exited with code 3",
    "\"step-make\" exited because the step exceeded the specified timeout limit",
    "init container failed, \"prepare\" exited with code 255",
    "init container failed, \"working-dir-initializer\" exited with code 1",
];

/// The span of a TaskRun that fails for this reason and with this message.
fn check(reason: &str, message: &str, truth: &str) {
    let mut cluster = Cluster::new();
    let run = cluster.create("09:30:00", pipeline_run("nightly-"));
    let mut task = cluster.create("09:30:01", task_run(&run, "build"));
    cluster.update("09:40:00.1", &mut task, |task| succeeded(task, "False", reason, message, "09:30:01", "09:40:00"));
    let spans = cluster.spans();
    expect(&format!("{reason}: {message:?}"), &spans, &[("task_run", truth)]);
    assert!(!format!("{spans:?}").contains("s3cr3t"), "{message:?} gives {spans:?}");
}

#[test]
fn what_the_node_did_is_an_error_and_described_in_the_kubelets_words() {
    for sentence in OF_THE_NODE {
        let truth = format!("error, result=error, message={sentence}");
        for reason in ["Failed", "PodEvicted"] {
            check(reason, sentence, &truth);
            // The kubelet leaves a blank behind each of its sentences.
            check(reason, &format!("{sentence} "), &truth);
        }
    }
    // More of the kubelet's sentences may stand behind the first.
    let more = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 67208Ki. Container step-make was \
                using 3156172Ki, request is 0, has larger consumption of memory. ";
    check("Failed", more, "error, result=error, message^=The node was low on resource: memory.");
}

#[test]
fn what_the_kubelet_does_not_take_is_an_error() {
    for sentence in REJECTIONS {
        for reason in ["Failed", "PodAdmissionFailed"] {
            check(reason, sentence, "error, result=error");
        }
    }
    let sentence = "Pod was rejected: The node had condition: [DiskPressure].";
    check("Failed", &format!("{sentence} "), &format!("error, result=error, message={sentence}"));
}

#[test]
fn an_init_container_is_no_users_and_its_failure_an_error() {
    for (name, code) in
        [("prepare", "255"), ("place-scripts", "1"), ("working-dir-initializer", "137"), ("vault-agent-init", "2")]
    {
        let sentence = format!("init container failed, \"{name}\" exited with code {code}");
        for reason in ["Failed", "InitContainerFailed", "InitContainerOOM"] {
            check(reason, &sentence, &format!("error, result=error, message={sentence}"));
            check(reason, &format!("{sentence}: OOMKilled"), &format!("error, result=error, message^={sentence}"));
        }
    }
}

#[test]
fn a_step_that_failed_is_named_with_its_exit_code() {
    for step in ["step-make", "step-unnamed-0"] {
        for (code, rest) in
            [("3", ""), ("3", ": Error"), ("137", ": ContainerStatusUnknown"), ("3", ": s3cr3t"), ("3", "\ns3cr3t")]
        {
            let sentence = format!("\"{step}\" exited with code {code}");
            for reason in ["Failed", "StepFailed"] {
                check(reason, &format!("{sentence}{rest}"), &format!("error, message^={sentence}"));
            }
        }
    }
}

#[test]
fn a_step_that_ran_out_of_time_is_named() {
    for step in ["step-unit", "step-unnamed-0"] {
        let sentence = format!("\"{step}\" exited because the step exceeded the specified timeout limit");
        for reason in ["Failed", "StepFailed"] {
            check(reason, &sentence, &format!("error, result=timeout|failure, message={sentence}"));
            check(reason, &format!("{sentence}: s3cr3t"), &format!("error, message={sentence}"));
        }
    }
}

#[test]
fn a_timeout_is_quoted_to_the_end_of_its_sentence_and_no_further() {
    let sentence = "TaskRun \"nightly-h4v8t-build\" failed to finish within \"10m0s\"";
    for rest in ["", "\nPrevious status: [ToBeRetried] param `token` value: s3cr3t"] {
        check("TaskRunTimeout", &format!("{sentence}{rest}"), &format!("error, result=timeout, message={sentence}"));
    }
    for (before, after) in [("", " s3cr3t"), ("", ". s3cr3t"), ("", "s3cr3t"), ("s3cr3t ", ""), ("s3cr3t\n", "")] {
        check("TaskRunTimeout", &format!("{before}{sentence}{after}"), "error, result=timeout");
    }
    let mut cluster = Cluster::new();
    let mut run = cluster.create("09:30:00", pipeline_run("nightly-"));
    let sentence = "PipelineRun \"nightly-h4v8t\" failed to finish within \"1h0m0s\"";
    cluster.update("09:40:00.1", &mut run, |run| {
        let message = format!("{sentence}\nPrevious status: [Running] s3cr3t");
        succeeded(run, "False", "PipelineRunTimeout", &message, "09:30:01", "09:40:00");
    });
    expect("run", &cluster.spans(), &[("pipeline_run", &*format!("error, result=timeout, message={sentence}"))]);
}

#[test]
fn a_sentence_of_the_kubelet_is_quoted_to_its_end_and_no_further() {
    for sentence in OF_THE_NODE.into_iter().filter(|sentence| sentence.ends_with('.')) {
        for reason in ["Failed", "PodEvicted"] {
            check(reason, &format!("{sentence} s3cr3t"), &format!("error, message={sentence}"));
            check(reason, &format!("{sentence}\ns3cr3t"), &format!("error, message={sentence}"));
            check(reason, &format!("s3cr3t {sentence}"), "error");
        }
    }
}

#[test]
fn an_image_that_cannot_be_pulled_is_not_quoted() {
    let message = "the step \"make\" in TaskRun \"nightly-h4v8t-build\" failed to pull the image \"user:s3cr3t@registry.example/make:1\". \
                   The pod errored with the message: \"Back-off pulling image \"user:s3cr3t@registry.example/make:1\": s3cr3t.\"";
    let sentence = "the step \"make\" in TaskRun \"nightly-h4v8t-build\" failed to pull the image";
    check("TaskRunImagePullFailed", message, &format!("error, result=error, message^={sentence}"));
}

#[test]
fn a_task_run_that_is_stopped_with_its_pipeline_run_ran_out_of_time() {
    // `pkg/apis/pipeline/v1/taskrun_types.go` TaskRunCancelledByPipelineTimeoutMsg; the reason says no more than cancelled.
    let cancelled = "TaskRun \"nightly-h4v8t-build\" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has timed out.";
    check("TaskRunCancelled", cancelled, "error, result=timeout");
    check("TaskRunCancelled", "TaskRun \"nightly-h4v8t-build\" was cancelled. ", "error, result=cancellation");
}
