//! What happens twice under one name: whichever replica gets which review, an id has one content.

use serde_json::Value;
use tracestamp_core::span::Status;

use crate::call::spans;
use crate::cluster::Cluster;
use crate::dealing::assert_same_spans_however_dealt;
use crate::expect::{expect, select};
use crate::objects::*;

/// A container that runs again, and how it ended before.
fn again(pod: &mut Value, name: &str, restarts: u32, state: Value, before: Value) {
    set(pod, "Running", &[(name, state)]);
    let status = status(pod, name);
    status["lastState"] = before;
    status["restartCount"] = restarts.into();
}

#[test]
fn a_native_sidecar_that_is_started_again_has_each_life_once() {
    let (mut cluster, _, mut pod) = Cluster::with_running_pod("native:mesh step-make");
    let crashed = |start: &str, end: &str| ended(1, "Error", start, end);
    cluster.update("09:31:00.4", &mut pod, |pod| set(pod, "Running", &[("mesh", crashed("09:30:04", "09:31:00"))]));
    for (restarts, start, first, end) in
        [(1, "09:31:01", "09:30:04", "09:31:00"), (2, "09:32:01", "09:31:01", "09:32:00")]
    {
        cluster.update(&format!("{start}.5"), &mut pod, |pod| {
            again(pod, "mesh", restarts, running(start), crashed(first, end));
        });
        let next = format!("09:3{}:00", restarts + 1);
        cluster.update(&format!("{next}.4"), &mut pod, |pod| set(pod, "Running", &[("mesh", crashed(start, &next))]));
    }
    cluster.update("09:33:01.5", &mut pod, |pod| {
        again(pod, "mesh", 3, running("09:33:01"), crashed("09:32:01", "09:33:00"));
    });
    cluster.update("09:34:00.4", &mut pod, |pod| {
        set(pod, "Running", &[("step-make", step(ended(0, "Completed", "09:30:04", "09:34:00"), "09:30:05", &[]))]);
    });
    cluster.update("09:34:02.4", &mut pod, |pod| {
        set(pod, "Succeeded", &[("mesh", ended(0, "Completed", "09:33:01", "09:34:02"))]);
    });
    let rows = [("pod", "09:30:01..09:34:02, unset"), ("step make", "09:30:05..09:34:00, unset")];
    let calls = cluster.calls();
    expect("mesh", &spans(&calls), &rows);
    assert_same_spans_however_dealt("mesh", &calls);
}

#[test]
fn a_restart_that_is_reported_in_one_update_gives_the_life_before_it() {
    // The kubelet writes at most every so often: running, and then running again with the end between.
    let first = ended(1, "Error", "09:30:04", "09:31:00");
    let record = |in_between: bool| {
        let (mut cluster, _, mut pod) = Cluster::with_running_pod("native:mesh step-make");
        if in_between {
            cluster.update("09:31:00.4", &mut pod, |pod| set(pod, "Running", &[("mesh", first.clone())]));
        }
        cluster.update("09:31:02.4", &mut pod, |pod| again(pod, "mesh", 1, running("09:31:01"), first.clone()));
        cluster.calls()
    };
    for in_between in [false, true] {
        let calls = record(in_between);
        expect("life", &spans(&calls), &[("sidecar mesh", "09:30:04..09:31:00, error")]);
        assert_same_spans_however_dealt("life", &calls);
    }
}

#[test]
fn a_pod_whose_containers_are_restarted_on_failure_ends_once() {
    for restarts in 1..=2 {
        let (mut cluster, _, mut pod) = Cluster::with_running_pod("init:prepare step-make");
        pod["spec"]["restartPolicy"] = "OnFailure".into();
        let crashed = |start: &str, end: &str| ended(1, "Error", start, end);
        cluster.update("09:31:00.4", &mut pod, |pod| {
            set(pod, "Running", &[("step-make", crashed("09:30:04", "09:31:00"))]);
        });
        cluster.update("09:31:01.5", &mut pod, |pod| {
            again(pod, "step-make", 1, running("09:31:01"), crashed("09:30:04", "09:31:00"));
        });
        if restarts == 2 {
            cluster.update("09:32:00.4", &mut pod, |pod| {
                set(pod, "Running", &[("step-make", crashed("09:31:01", "09:32:00"))]);
            });
            cluster.update("09:32:01.5", &mut pod, |pod| {
                again(pod, "step-make", 2, running("09:32:01"), crashed("09:31:01", "09:32:00"));
            });
        }
        cluster.update("09:33:00.4", &mut pod, |pod| {
            set(pod, "Succeeded", &[("step-make", ended(0, "Completed", "09:32:01", "09:33:00"))]);
        });
        let calls = cluster.calls();
        let spans = spans(&calls);
        let pod = select(&spans, "pod")[0];
        assert_eq!(
            (pod.start.to_string(), pod.end.to_string()),
            (time("09:30:01"), time("09:33:00")),
            "{restarts} restarts"
        );
        assert_eq!(pod.status, Status::Unset);
        assert_same_spans_however_dealt("on failure", &calls);
    }
}

#[test]
fn a_sandbox_that_is_lost_while_containers_run_gives_no_second_one() {
    let (mut cluster, _, mut pod) = Cluster::with_running_pod("init:prepare step-make");
    pod["status"]["podIP"] = "10.7.0.9".into();
    for (value, at) in [("False", "09:36:00"), ("True", "09:36:09"), ("False", "09:37:00"), ("True", "09:37:09")] {
        cluster.update(at, &mut pod, |pod| condition(pod, "PodReadyToStartContainers", value, at, ""));
    }
    let calls = cluster.calls();
    expect("sandboxes", &spans(&calls), &[("sandbox", "09:30:01..09:30:02")]);
    assert_same_spans_however_dealt("sandboxes", &calls);
}

#[test]
fn a_pod_that_is_reported_ended_and_then_removed_ends_once() {
    // The lost containers of a Pod may be reported by an update and again by its removal.
    let (mut cluster, _, mut pod) = Cluster::with_running_pod("init:prepare step-make sidecar-db");
    cluster.ask_to_delete("09:31:00", &mut pod);
    cluster.update("09:31:10.5", &mut pod, |pod| {
        set(pod, "Running", &[("step-make", step(ended(143, "Error", "09:30:04", "09:31:10"), "09:30:05", &[]))]);
    });
    cluster.update("09:31:31.5", &mut pod, |pod| failed(pod, "09:31:31", &[("sidecar-db", unknown())]));
    cluster.remove("09:31:32", &pod);
    let calls = cluster.calls();
    expect("ended and removed", &spans(&calls), &[("pod", "09:30:01..09:31:10, error, end=-")]);
    assert_same_spans_however_dealt("ended and removed", &calls);
}
