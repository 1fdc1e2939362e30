//! Pods that are taken away or deleted: what happens to a step after that is not its own doing, and what happened before
//! is.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::expect::{Row, expect};
use crate::objects::*;

const CONTAINERS: &str = "init:prepare step-make step-pack sidecar-db";

/// The reasons of the condition DisruptionTarget (`k8s.io/api/core/v1` and `pkg/controller`, `pkg/scheduler`).
const DISRUPTIONS: [&str; 7] = [
    "EvictionByEvictionAPI",
    "PreemptionByScheduler",
    "DeletionByTaintManager",
    "DeletionByDeviceTaintManager",
    "DeletionByPodGC",
    "TerminationByKubelet",
    "WhatALaterKubernetesSays",
];

fn ended_at(code: i64, at: &str) -> Value {
    step(ended(code, "Error", "09:30:04", at), "09:30:05.2", &[])
}

/// A step whose turn had not come.
fn waited(at: &str) -> Value {
    ended(2, "Error", "09:30:04", at)
}

/// Ends a Pod with these states, one sidecar among them, after a change of it at 09:31:00.
fn check(what: &str, change: impl FnOnce(&mut Cluster, &mut Value), states: [Value; 2], rows: &[Row<'_>]) {
    let (mut cluster, _, mut pod) = Cluster::with_running_pod(CONTAINERS);
    change(&mut cluster, &mut pod);
    let [make, pack] = states;
    cluster.update("09:31:20.4", &mut pod, |pod| {
        let stopped = ended(137, "Error", "09:30:04", "09:31:20");
        failed(pod, "09:31:20", &[("step-make", make), ("step-pack", pack), ("sidecar-db", stopped)]);
    });
    cluster.remove("09:31:21", &pod);
    expect(what, &cluster.spans(), rows);
}

fn disrupted(reason: &'static str) -> impl FnOnce(&mut Cluster, &mut Value) {
    move |_, pod| condition(pod, "DisruptionTarget", "True", "09:31:00", reason)
}

#[test]
fn a_step_that_is_killed_with_a_disrupted_pod_is_an_error_of_the_clusters() {
    let error = [
        ("step step-make", "error, result=error"),
        ("step step-pack", "09:31:02..09:31:02, error, result=error, step.started=false"),
        ("pod", "09:30:01..09:31:20, error, result=error"),
    ];
    for reason in DISRUPTIONS {
        for code in [137, 143, 255] {
            let killed = || [ended_at(code, "09:31:02"), waited("09:31:02")];
            check(reason, disrupted(reason), killed(), &error);
            let and_deleted = |cluster: &mut Cluster, pod: &mut Value| {
                cluster.ask_to_delete("09:31:00", pod);
                condition(pod, "DisruptionTarget", "True", "09:31:00", reason);
            };
            check(reason, and_deleted, killed(), &error);
        }
        // The kubelet cuts to the second: a step that ends in the one of the disruption was killed.
        let rows = [("step step-make", "error, result=error"), ("pod", "error, result=error")];
        check(reason, disrupted(reason), [ended_at(143, "09:31:00"), waited("09:31:00")], &rows);
    }
}

#[test]
fn an_init_container_that_is_killed_with_its_pod_did_not_fail_and_neither_did_the_pod() {
    type Kill = fn(&mut Cluster, &mut Value);
    let killed: [(&str, Kill, &str); 3] = [
        ("deleted", deleted, "error, result=cancellation"),
        (
            "disrupted",
            |_, pod| condition(pod, "DisruptionTarget", "True", "09:31:00", "DeletionByTaintManager"),
            "error, result=error",
        ),
        ("evicted", |_, pod| pod["status"]["reason"] = "Evicted".into(), "error, result=error"),
    ];
    for (what, kill, truth) in killed {
        let (mut cluster, _, mut pod) = Cluster::with_bound_pod("init:fetch step-make");
        cluster.update("09:30:04", &mut pod, |pod| {
            set(pod, "Pending", &[("fetch", running("09:30:03")), ("step-make", waiting())]);
        });
        kill(&mut cluster, &mut pod);
        cluster.update("09:31:02.4", &mut pod, |pod| {
            failed(pod, "09:31:02", &[("fetch", ended(143, "Error", "09:30:03", "09:31:02"))]);
        });
        cluster.remove("09:31:03", &pod);
        let fetch = format!("09:30:03..09:31:02, {truth}");
        // The init container reports the error; the Pod has the result alone, or the error too.
        let pod = truth.strip_prefix("error, ").unwrap();
        expect(
            what,
            &cluster.spans(),
            &[("init_container fetch", &*fetch), ("pod", &*format!("09:30:01..09:31:02, {pod}"))],
        );
    }
}

#[test]
fn a_condition_that_is_not_true_disrupts_nothing() {
    let rows = [("step step-make", "error, result=failure"), ("pod", "error, result=failure")];
    let states = || {
        [
            ended_at(143, "09:31:02"),
            step(ended(1, "Error", "09:30:04", "09:31:03"), "09:31:02.3", &[("Reason", "Skipped")]),
        ]
    };
    let not_true = |_: &mut Cluster, pod: &mut Value| {
        condition(pod, "DisruptionTarget", "False", "09:31:00", "EvictionByEvictionAPI");
    };
    check("False", not_true, states(), &rows);
    check("absent", |_, _| {}, states(), &rows);
}

#[test]
fn a_step_that_ended_before_its_pod_was_disrupted_ended_by_itself() {
    let rows = [
        ("step step-make", "error, result=failure"),
        ("step step-pack", "unset, result=skip"),
        ("pod", "error, result=failure"),
    ];
    let skipped = || step(ended(1, "Error", "09:30:04", "09:30:41"), "09:30:40.6", &[("Reason", "Skipped")]);
    check("failed before", disrupted("EvictionByEvictionAPI"), [ended_at(3, "09:30:40"), skipped()], &rows);
    let rows = [
        ("step step-make", "unset, result=success"),
        ("step step-pack", "error, result=error"),
        ("pod", "error, result=error"),
    ];
    check(
        "succeeded before",
        disrupted("EvictionByEvictionAPI"),
        [ended_at(0, "09:30:40"), ended_at(143, "09:31:02")],
        &rows,
    );
    let rows = [("step step-make", "unset"), ("step step-pack", "unset"), ("pod", "unset, result=success")];
    check(
        "both succeeded",
        disrupted("EvictionByEvictionAPI"),
        [ended_at(0, "09:30:40"), ended_at(0, "09:31:02")],
        &rows,
    );
}

#[test]
fn a_pod_that_its_kubelet_gave_up_says_so_of_its_steps_too() {
    // Kubelets before 1.26 write no DisruptionTarget.
    for reason in ["Evicted", "Terminated", "Preempting"] {
        let rows = [
            ("step step-make", "error, result=error"),
            ("pod", &*format!("error, result=error, k8s.pod.status.reason={reason}")),
        ];
        let given_up = |_: &mut Cluster, pod: &mut Value| pod["status"]["reason"] = reason.into();
        check(reason, given_up, [ended_at(137, "09:31:02"), waited("09:31:02")], &rows);
    }
}

#[test]
fn a_pod_that_is_collected_with_its_lost_node_is_no_cancellation() {
    for reason in DISRUPTIONS {
        let (mut cluster, _, mut pod) = Cluster::with_running_pod(CONTAINERS);
        cluster.update("09:40:00.2", &mut pod, |pod| {
            condition(pod, "DisruptionTarget", "True", "09:40:00", reason);
            set(pod, "Failed", &[]);
        });
        cluster.remove("09:40:00.4", &pod);
        let lost =
            "..09:40:00, error, result=error, start=unknown, container.started_at=2026-12-03T09:30:04Z, end=received";
        let rows = [
            ("step step-make", lost),
            ("step step-pack", lost),
            ("pod", "09:30:01..09:40:00, error, result=error, end=received"),
        ];
        expect(reason, &cluster.spans(), &rows);
    }
    // Without it, somebody removed the Pod.
    let (mut cluster, _, pod) = Cluster::with_running_pod(CONTAINERS);
    cluster.remove("09:40:00.4", &pod);
    let rows =
        [("step step-make", "error, result=cancellation"), ("pod", "error, result=cancellation, error.type=deleted")];
    expect("removed", &cluster.spans(), &rows);
}

fn deleted(cluster: &mut Cluster, pod: &mut Value) {
    cluster.ask_to_delete("09:31:00", pod);
}

#[test]
fn a_step_that_is_killed_with_a_deleted_pod_is_cancelled() {
    for code in [1, 137, 143, 255] {
        let rows = [
            ("step step-make", "09:30:05.2..09:31:02, error, result=cancellation"),
            ("step step-pack", "09:31:02..09:31:02, error, result=cancellation, step.started=false"),
            ("pod", "09:30:01..09:31:20, error, result=cancellation"),
        ];
        check("killed", deleted, [ended_at(code, "09:31:02"), waited("09:31:02")], &rows);
    }
    // The kubelet cuts to the second: a step that ends in the one of the request was killed.
    let rows = [("step step-make", "error, result=cancellation"), ("pod", "error, result=cancellation")];
    check("same second", deleted, [ended_at(255, "09:31:00"), waited("09:31:00")], &rows);
}

#[test]
fn a_step_that_ended_before_the_deletion_was_asked_for_ended_by_itself() {
    let skipped = || step(ended(1, "Error", "09:30:04", "09:30:41"), "09:30:40.6", &[("Reason", "Skipped")]);
    let rows = [
        ("step step-make", "error, result=failure, process.exit.code=3"),
        ("step step-pack", "unset, result=skip"),
        ("pod", "error, result=failure"),
    ];
    check("failed before", deleted, [ended_at(3, "09:30:40"), skipped()], &rows);
    let rows = [
        ("step step-make", "unset"),
        ("step step-pack", "error, result=cancellation"),
        ("pod", "error, result=cancellation"),
    ];
    check("succeeded before", deleted, [ended_at(0, "09:30:40"), ended_at(137, "09:31:02")], &rows);
    let rows = [("step step-make", "unset"), ("step step-pack", "unset"), ("pod", "unset, result=success")];
    check("succeeded in the grace period", deleted, [ended_at(0, "09:30:40"), ended_at(0, "09:31:10")], &rows);
}

#[test]
fn a_step_of_a_task_run_that_ran_out_of_time_did_not_fail() {
    // Tekton deletes the Pod of such a TaskRun as that of a cancelled one; the Pod does not say for which of the two.
    let (mut cluster, mut task, mut pod) = Cluster::with_running_pod(CONTAINERS);
    cluster.update("09:31:00.1", &mut task, |task| {
        let message = "TaskRun \"nightly-h4v8t-build\" failed to finish within \"1m0s\"";
        succeeded(task, "False", "TaskRunTimeout", message, "09:30:00", "09:31:00");
    });
    cluster.ask_to_delete("09:31:00.2", &mut pod);
    cluster.update("09:31:01.4", &mut pod, |pod| {
        let stopped = ended(143, "Error", "09:30:04", "09:31:01");
        failed(
            pod,
            "09:31:01",
            &[("step-make", ended_at(255, "09:31:01")), ("step-pack", waited("09:31:01")), ("sidecar-db", stopped)],
        );
    });
    let truth = "error, result=timeout|cancellation";
    expect(
        "timeout",
        &cluster.spans(),
        &[("task_run", "error, result=timeout"), ("step step-make", truth), ("step step-pack", truth), ("pod", truth)],
    );
}

#[test]
fn a_pod_that_a_kubelet_refuses_is_an_error_of_the_clusters() {
    // `pkg/kubelet/lifecycle/predicate.go`, `pkg/kubelet/nodeshutdown`, `pkg/kubelet/cm/admission`.
    for reason in [
        "OutOfcpu",
        "OutOfmemory",
        "OutOfpods",
        "NodeAffinity",
        "NodeShutdown",
        "UnexpectedAdmissionError",
        "TopologyAffinityError",
        "Evicted",
    ] {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:30:00", pipeline_run("nightly-"));
        let (_, mut pod) = cluster.task("09:30:01", &run, "build", CONTAINERS);
        cluster.update("09:30:02.3", &mut pod, |pod| {
            condition(pod, "PodScheduled", "True", "09:30:02", "");
            pod["status"]["phase"] = "Failed".into();
            pod["status"]["reason"] = reason.into();
            pod["status"]["message"] = "Pod was rejected: Node didn't have enough resource: cpu".into();
        });
        cluster.remove("09:30:09", &pod);
        expect(
            reason,
            &cluster.spans(),
            &[("pod", &*format!("09:30:01..09:30:02, result=error, k8s.pod.status.reason={reason}"))],
        );
        crate::dealing::assert_same_spans_however_dealt(reason, &cluster.calls());
    }
}
