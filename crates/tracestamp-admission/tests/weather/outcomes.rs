//! What came of a step and its Pod: the exit code is one of several things that say so.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::expect::{Row, expect};
use crate::objects::*;

const CONTAINERS: &str = "init:prepare step-make step-pack sidecar-db";

/// The spans of a Pod whose steps end so.
fn check(what: &str, make: Value, pack: Value, rows: &[Row<'_>]) {
    let (mut cluster, _, mut pod) = Cluster::with_running_pod(CONTAINERS);
    cluster.update("09:30:41", &mut pod, |pod| set(pod, "Running", &[("step-make", make)]));
    cluster.update("09:30:51", &mut pod, |pod| set(pod, "Running", &[("step-pack", pack)]));
    let stopped = ended(137, "Error", "09:30:04", "09:30:55");
    cluster.update("09:30:56", &mut pod, |pod| set(pod, "Failed", &[("sidecar-db", stopped)]));
    expect(what, &cluster.spans(), rows);
}

/// Steps that end at 09:30:40 and at 09:30:50.
fn make(code: i64, reason: &str, more: &[(&str, &str)]) -> Value {
    step(ended(code, reason, "09:30:04", "09:30:40"), "09:30:05.2", more)
}

fn pack(code: i64, reason: &str, more: &[(&str, &str)]) -> Value {
    step(ended(code, reason, "09:30:04", "09:30:50"), "09:30:40.3", more)
}

#[test]
fn a_step_that_ran_out_of_memory_is_an_error_whatever_its_exit_code() {
    for code in [0, 1, 137] {
        let truth = format!("error, result=error, error.type=OOMKilled, process.exit.code={code}");
        let rows = [("step step-make", &*truth), ("pod", "error, result=error, error.type=OOMKilled")];
        check("first", make(code, "OOMKilled", &[]), pack(0, "Completed", &[]), &rows);
        let rows = [
            ("step step-make", "unset"),
            ("step step-pack", &*truth),
            ("pod", "error, result=error, error.type=OOMKilled"),
        ];
        check("second", make(0, "Completed", &[]), pack(code, "OOMKilled", &[]), &rows);
    }
    // `onError: continue` does not help: Tekton fails the TaskRun (`pkg/pod/status.go` DidTaskRunFail).
    let rows = [("step step-make", "error, result=error"), ("pod", "error, result=error")];
    check("continued", make(0, "OOMKilled", &[("ExitCode", "137")]), pack(0, "Completed", &[]), &rows);
}

#[test]
fn the_entrypoints_reason_counts_for_the_step_and_for_its_pod() {
    let skipped = || pack(1, "Error", &[("Reason", "Skipped")]);
    for (reason, code, result) in [("Cancelled", 9, "cancellation"), ("TimeoutExceeded", 1, "timeout")] {
        let truth = format!("error, result={result}, error.type={reason}");
        let rows = [("step step-make", &*truth), ("step step-pack", "unset, result=skip"), ("pod", &*truth)];
        check(reason, make(code, "Error", &[("Reason", reason)]), skipped(), &rows);
        let rows = [("step step-make", "unset"), ("step step-pack", &*truth), ("pod", &*truth)];
        check(reason, make(0, "Completed", &[]), pack(code, "Error", &[("Reason", reason)]), &rows);
    }
    let rows = [
        ("step step-make", "error, result=failure, process.exit.code=3"),
        ("pod", "error, result=failure, error.type=Error"),
    ];
    check("failed", make(3, "Error", &[]), skipped(), &rows);
}

#[test]
fn a_step_that_is_skipped_fails_nothing_whatever_its_exit_code() {
    // 0 when its own `when` is false, 1 when a step before it failed (`pkg/entrypoint/entrypointer.go`).
    let skipped = make(0, "Completed", &[("Reason", "Skipped")]);
    let rows =
        [("step step-make", "unset, result=skip"), ("step step-pack", "unset"), ("pod", "unset, result=success")];
    check("when", skipped, pack(0, "Completed", &[]), &rows);
    let skipped = make(0, "Completed", &[("Reason", "Skipped")]);
    let rows = [
        ("step step-make", "unset, result=skip"),
        ("step step-pack", "error, result=failure"),
        ("pod", "error, result=failure"),
    ];
    check("when, then failed", skipped, pack(3, "Error", &[]), &rows);
}

#[test]
fn a_step_that_may_fail_fails_neither_its_pod_nor_what_comes_after() {
    let failed = || make(0, "Completed", &[("ExitCode", "7")]);
    let step = ("step step-make", "error, error.type=Continued, process.exit.code=7");
    check(
        "continued",
        failed(),
        pack(0, "Completed", &[]),
        &[step, ("step step-pack", "unset"), ("pod", "unset, result=success")],
    );
    let rows = [step, ("pod", "error, result=failure, error.type=Error")];
    check("then failed", failed(), pack(3, "Error", &[]), &rows);
    let rows = [step, ("pod", "error, result=timeout")];
    check("then out of time", failed(), pack(1, "Error", &[("Reason", "TimeoutExceeded")]), &rows);
}

#[test]
fn a_step_that_the_runtime_lost_in_its_own_restart_is_an_error() {
    // containerd `internal/cri/server/restart.go`: exit code 255, reason Unknown.
    let rows = [("step step-make", "error, result=error, process.exit.code=255"), ("pod", "error, result=error")];
    check("lost", make(255, "Unknown", &[]), pack(1, "Error", &[("Reason", "Skipped")]), &rows);
    // The entrypoint itself exits with 255 when it is killed, and that says nothing of the runtime.
    let rows = [("step step-make", "error, result=failure, process.exit.code=255"), ("pod", "error, result=failure")];
    check("killed", make(255, "Error", &[]), pack(1, "Error", &[("Reason", "Skipped")]), &rows);
}

#[test]
fn a_step_whose_command_does_not_exist_is_an_error() {
    for reason in ["StartError", "ContainerCannotRun"] {
        let rows = [("step step-make", "error, result=error"), ("pod", "error, result=error")];
        check(reason, ended(128, reason, "1970", "09:30:40"), pack(1, "Error", &[("Reason", "Skipped")]), &rows);
    }
}

#[test]
fn steps_that_succeed_leave_their_pod_unset_whatever_becomes_of_what_serves_them() {
    let rows = [("step step-make", "unset, result=success"), ("pod", "unset, result=success")];
    check("succeeded", make(0, "Completed", &[]), pack(0, "Completed", &[]), &rows);
}

#[test]
fn a_negative_exit_code_is_quoted() {
    for (message, described) in [
        ("\"step-make\" exited with code -1073741510", "\"step-make\" exited with code -1073741510"),
        ("\"step-make\" exited with code -1073741510: Error", "\"step-make\" exited with code -1073741510"),
        ("\"step-make\" exited with code -", "-"),
        ("\"step-make\" exited with code --1", "-"),
    ] {
        let (mut cluster, mut task, mut pod) = Cluster::with_running_pod(CONTAINERS);
        cluster.update("09:30:41", &mut pod, |pod| {
            set(pod, "Failed", &[("step-make", make(-1_073_741_510, "Error", &[]))]);
        });
        cluster
            .update("09:30:42", &mut task, |task| succeeded(task, "False", "Failed", message, "09:30:01", "09:30:42"));
        let truth = format!("error, result=failure, message^={described}");
        let truth = if described == "-" { "error, result=failure, message=-" } else { &*truth };
        expect(
            message,
            &cluster.spans(),
            &[("step step-make", "error, process.exit.code=-1073741510"), ("task_run", truth)],
        );
    }
}
