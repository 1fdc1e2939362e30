//! Pods that the cluster takes away, and Pods that go with a run that is cancelled.

use serde_json::Value;

use crate::cases::Case;
use crate::cluster::Cluster;
use crate::objects::*;

#[test]
fn a_step_that_was_killed_because_the_cluster_needed_its_node_did_not_fail() {
    TAKEN_AWAY.check();
}

/// tektoncd/pipeline#2135, #7218, flyteorg/flyte#8067, kelos-dev/kelos#1348.
pub const TAKEN_AWAY: Case = Case {
    name: "taken-away",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:00:00", pipeline_run("nightly-"));
        for (hour, task, reason, code) in [
            ("10", "drained", "EvictionByEvictionAPI", 255),
            ("11", "preempted", "PreemptionByScheduler", 143),
            ("12", "tainted", "DeletionByTaintManager", 137),
        ] {
            let (mut task, mut pod) = working(&mut cluster, hour, &run, task);
            cluster.ask_to_delete(&format!("{hour}:07:00.1"), &mut pod);
            cluster.update(&format!("{hour}:07:03.2"), &mut pod, |pod| {
                condition(pod, "DisruptionTarget", "True", &format!("{hour}:07:00"), reason);
                let killed = ended(code, "Error", &format!("{hour}:00:04"), &format!("{hour}:07:03"));
                failed(
                    pod,
                    &format!("{hour}:07:03"),
                    &[("step-crunch", step(killed, &format!("{hour}:00:05.2"), &[]))],
                );
            });
            cluster.remove(&format!("{hour}:07:04"), &pod);
            cluster.update(&format!("{hour}:07:04.4"), &mut task, |task| {
                let message = format!("\"step-crunch\" exited with code {code}");
                succeeded(task, "False", "Failed", &message, &format!("{hour}:00:01"), &format!("{hour}:07:04"));
            });
        }
        // The node is gone, so nobody says how the step ended.
        let (_, mut pod) = working(&mut cluster, "13", &run, "lost");
        cluster.update("13:09:00.3", &mut pod, |pod| {
            condition(pod, "DisruptionTarget", "True", "13:09:00", "DeletionByPodGC");
            set(pod, "Failed", &[]);
        });
        cluster.remove("13:09:00.5", &pod);
        cluster.calls()
    },
    rows: &[
        ("pod nightly-h4v8t-drained", "10:00:01..10:07:03, error, result=error"),
        ("step nightly-h4v8t-drained", "10:00:05.2..10:07:03, error, result=error, process.exit.code=255"),
        ("pod nightly-h4v8t-preempted", "11:00:01..11:07:03, error, result=error"),
        ("step nightly-h4v8t-preempted", "11:00:05.2..11:07:03, error, result=error, process.exit.code=143"),
        ("pod nightly-h4v8t-tainted", "12:00:01..12:07:03, error, result=error"),
        ("step nightly-h4v8t-tainted", "12:00:05.2..12:07:03, error, result=error, process.exit.code=137"),
        ("pod nightly-h4v8t-lost", "13:00:01..13:09:00, error, result=error, end=received"),
        ("step nightly-h4v8t-lost", "..13:09:00, error, result=error, start=unknown, end=received"),
    ],
};

/// A TaskRun whose one step runs since four seconds after the hour.
fn working(cluster: &mut Cluster, hour: &str, run: &Value, task: &str) -> (Value, Value) {
    let at = |seconds: &str| format!("{hour}:00:{seconds}");
    let (task, mut pod) = cluster.task(&at("01"), run, task, "init:prepare step-crunch");
    cluster.update(&at("05"), &mut pod, |pod| {
        prepared(pod, &at("01"), &at("02"));
        let prepare = ended(0, "Completed", &at("02"), &at("03"));
        set(pod, "Running", &[("prepare", prepare), ("step-crunch", running(&at("04")))]);
    });
    (task, pod)
}

#[test]
fn steps_that_were_killed_for_a_cancelled_run_were_cancelled() {
    CANCELLED.check();
}

/// tektoncd/pipeline#1368, #8293; the second run keeps its Pod (`keep-pod-on-cancel`).
pub const CANCELLED: Case = Case {
    name: "cancelled",
    record: || {
        let (mut cluster, mut task, mut pod) = Cluster::with_running_pod("init:prepare step-soak step-collect");
        cluster.update("09:34:00.1", &mut task, |task| cancelled(task, "09:30:01", "09:34:00"));
        cluster.ask_to_delete("09:34:00.3", &mut pod);
        cluster.update("09:34:01.6", &mut pod, |pod| {
            let killed = step(ended(255, "Error", "09:30:04", "09:34:01"), "09:30:05.2", &[]);
            let waited = ended(2, "Error", "09:30:04", "09:34:01");
            failed(pod, "09:34:01", &[("step-collect", waited), ("step-soak", killed)]);
        });
        cluster.remove("09:34:02", &pod);

        let run = cluster.create("10:00:00", pipeline_run("deploy-"));
        let (mut task, mut pod) = cluster.task("10:00:01", &run, "smoke", "init:prepare step-soak step-collect");
        cluster.update("10:00:05", &mut pod, |pod| {
            prepared(pod, "10:00:01", "10:00:02");
            let prepare = ended(0, "Completed", "10:00:02", "10:00:03");
            set(
                pod,
                "Running",
                &[("prepare", prepare), ("step-soak", running("10:00:04")), ("step-collect", running("10:00:04"))],
            );
        });
        cluster.update("10:05:00.1", &mut task, |task| cancelled(task, "10:00:01", "10:05:00"));
        cluster.update("10:05:01.4", &mut pod, |pod| {
            let end = |turn| step(ended(1, "Error", "10:00:04", "10:05:01"), turn, &[("Reason", "Cancelled")]);
            failed(pod, "10:05:01", &[("step-collect", end("10:05:01")), ("step-soak", end("10:00:05.2"))]);
        });
        cluster.calls()
    },
    rows: &[
        ("step step-soak nightly-h4v8t-build", "09:30:05.2..09:34:01, error, result=cancellation"),
        ("step step-collect nightly-h4v8t-build", "09:34:01..09:34:01, error, result=cancellation, step.started=false"),
        ("pod nightly-h4v8t-build", "09:30:01..09:34:01, error, result=cancellation"),
        ("step step-soak deploy-p2k6d-smoke", "10:00:05.2..10:05:01, error, result=cancellation"),
        ("step step-collect deploy-p2k6d-smoke", "error, result=cancellation"),
        ("pod deploy-p2k6d-smoke", "10:00:01..10:05:01, error, result=cancellation"),
    ],
};

fn cancelled(task: &mut Value, start: &str, end: &str) {
    let name = task["metadata"]["name"].as_str().unwrap();
    let message = format!("TaskRun \"{name}\" was cancelled. ");
    succeeded(task, "False", "TaskRunCancelled", &message, start, end);
}
