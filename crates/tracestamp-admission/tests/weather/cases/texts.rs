//! What Tekton says of a TaskRun, mostly in the kubelet's words.

use serde_json::Value;

use crate::cases::Case;
use crate::cluster::Cluster;
use crate::objects::*;

#[test]
fn an_eviction_for_the_pods_own_limits_is_described_in_the_kubelets_words() {
    EVICTED_FOR_ITS_STORAGE.check();
}

/// tektoncd/pipeline#6145, #9368, dust-tt/dust#5415, syntasso/kratix#599, cloud-ark/kubeplus#1389. Before Tekton 1.12 the
/// reason is `Failed`.
pub const EVICTED_FOR_ITS_STORAGE: Case = Case {
    name: "evicted-for-its-storage",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:00:00", pipeline_run("nightly-"));
        for (hour, task, message) in [
            ("10", "unpack", "Pod ephemeral local storage usage exceeds the total limit of containers 4Gi. "),
            ("11", "bundle", "Usage of EmptyDir volume \"cache\" exceeds the limit \"256Mi\". "),
            ("12", "archive", "Container step-work exceeded its local ephemeral storage limit \"2Gi\". "),
        ] {
            let at = |time: &str| format!("{hour}:{time}");
            let (mut task, mut pod) = cluster.task(&at("00:01"), &run, task, "init:prepare step-work");
            cluster.update(&at("00:05"), &mut pod, |pod| {
                prepared(pod, &at("00:01"), &at("00:02"));
                let prepare = ended(0, "Completed", &at("00:02"), &at("00:03"));
                set(pod, "Running", &[("prepare", prepare), ("step-work", running(&at("00:04")))]);
            });
            cluster.update(&at("04:02"), &mut pod, |pod| {
                pod["status"]["reason"] = "Evicted".into();
                pod["status"]["message"] = message.into();
                failed(pod, &at("04:01"), &[("step-work", ended(137, "Error", &at("00:04"), &at("04:00")))]);
            });
            cluster.update(&at("04:02.2"), &mut task, |task| {
                succeeded(task, "False", "Failed", message, &at("00:01"), &at("04:02"));
            });
        }
        cluster.calls()
    },
    rows: &[
        (
            "task_run nightly-h4v8t-unpack",
            "error, result=error, message=Pod ephemeral local storage usage exceeds the total limit of containers 4Gi.",
        ),
        (
            "task_run nightly-h4v8t-bundle",
            "error, result=error, message=Usage of EmptyDir volume \"cache\" exceeds the limit \"256Mi\".",
        ),
        (
            "task_run nightly-h4v8t-archive",
            "error, result=error, message=Container step-work exceeded its local ephemeral storage limit \"2Gi\".",
        ),
        ("pod nightly-h4v8t-unpack", "error, result=error, k8s.pod.status.phase=Failed, k8s.pod.status.reason=Evicted"),
        ("pod nightly-h4v8t-bundle", "error, result=error, k8s.pod.status.phase=Failed, k8s.pod.status.reason=Evicted"),
        ("step nightly-h4v8t-archive", "error, result=error"),
    ],
};

#[test]
fn an_init_container_of_tektons_own_that_fails_is_no_failure_of_the_users() {
    INIT_CONTAINER_FAILS.check();
}

/// tektoncd/pipeline#9654, #10170, #9368. First as Tekton 1.9 says it, then as 1.12 does.
pub const INIT_CONTAINER_FAILS: Case = Case {
    name: "init-container-fails",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:00:00", pipeline_run("nightly-"));
        for (hour, task, code, why, reason) in
            [("10", "unpack", 255, "Error", "Failed"), ("11", "bundle", 137, "OOMKilled", "InitContainerFailed")]
        {
            let at = |time: &str| format!("{hour}:{time}");
            let (mut task, mut pod) = cluster.task(&at("00:01"), &run, task, "init:prepare step-work");
            cluster.update(&at("00:02.5"), &mut pod, |pod| {
                prepared(pod, &at("00:01"), &at("00:02"));
                set(pod, "Pending", &[("prepare", running(&at("00:02"))), ("step-work", waiting())]);
            });
            cluster.update(&at("00:04.5"), &mut pod, |pod| {
                failed(pod, &at("00:04"), &[("prepare", ended(code, why, &at("00:02"), &at("00:03")))]);
            });
            cluster.update(&at("00:04.8"), &mut task, |task| {
                let message = format!("init container failed, \"prepare\" exited with code {code}");
                succeeded(task, "False", reason, &message, &at("00:01"), &at("00:04"));
            });
        }
        cluster.calls()
    },
    rows: &[
        (
            "task_run nightly-h4v8t-unpack",
            "error, result=error, error.type=Failed, message=init container failed, \"prepare\" exited with code 255",
        ),
        (
            "task_run nightly-h4v8t-bundle",
            "error, result=error, error.type=InitContainerFailed, message=init container failed, \"prepare\" exited with code 137",
        ),
        ("init_container nightly-h4v8t-unpack", "10:00:02..10:00:03, error, process.exit.code=255"),
        ("init_container nightly-h4v8t-bundle", "11:00:02..11:00:03, error, process.exit.code=137"),
        ("pod nightly-h4v8t-unpack", "10:00:01..10:00:03, result=error"),
    ],
};

#[test]
fn a_timeout_does_not_quote_the_status_before() {
    TIMEOUT_QUOTES_THE_STATUS_BEFORE.check();
    let spans = format!("{:?}", crate::call::spans(&(TIMEOUT_QUOTES_THE_STATUS_BEFORE.record)()));
    assert!(!spans.contains("s3cr3t-"), "{spans}");
}

/// tektoncd/pipeline#9144; Tekton 1.13 `pkg/reconciler/taskrun/taskrun.go` appendPreviousConditionContext.
pub const TIMEOUT_QUOTES_THE_STATUS_BEFORE: Case = Case {
    name: "timeout-quotes-the-status-before",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:00:00", pipeline_run("nightly-"));
        let mut task = cluster.create("09:00:01", task_run(&run, "login"));
        let refused = "param `token` value: s3cr3t-7310 is not in the enum list";
        cluster.update("09:00:03", &mut task, |task| {
            succeeded(task, "Unknown", "ToBeRetried", refused, "09:00:01", "09:00:03");
        });
        cluster.update("09:02:01.3", &mut task, |task| timed_out(task, "ToBeRetried", refused, "09:02:01"));
        let mut task = cluster.create("09:00:01", task_run(&run, "fetch"));
        let pending = "pod status \"Initialized\":\"False\"; message: \"secret \\\"s3cr3t-of-team-k\\\" not found\"";
        cluster.update("09:02:01.4", &mut task, |task: &mut Value| timed_out(task, "Pending", pending, "09:02:01"));
        cluster.calls()
    },
    rows: &[
        (
            "task_run nightly-h4v8t-login",
            "09:00:01..09:02:01, error, result=timeout, message=TaskRun \"nightly-h4v8t-login\" failed to finish within \"2m0s\"",
        ),
        (
            "task_run nightly-h4v8t-fetch",
            "09:00:01..09:02:01, error, result=timeout, message=TaskRun \"nightly-h4v8t-fetch\" failed to finish within \"2m0s\"",
        ),
    ],
};

fn timed_out(task: &mut Value, before: &str, message: &str, end: &str) {
    let name = task["metadata"]["name"].as_str().unwrap();
    let message = format!("TaskRun \"{name}\" failed to finish within \"2m0s\"\nPrevious status: [{before}] {message}");
    succeeded(task, "False", "TaskRunTimeout", &message, "09:00:01", end);
}
