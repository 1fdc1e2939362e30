//! Whether and when a container began: 1970 is never, null after it waited is never, null after it ran is lost.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::expect::{Row, expect};
use crate::objects::*;

const CONTAINERS: &str = "init:fetch native:mesh step-make sidecar-db";
const EACH: [(&str, &str); 4] =
    [("fetch", "init_container"), ("mesh", "sidecar"), ("step-make", "step"), ("sidecar-db", "sidecar")];

/// The spans of a change of the container's state; `before` is `None` when it had no status.
fn change(container: &str, before: Option<Value>, after: Value, restarts: u32, rows: &[Row<'_>]) {
    let (mut cluster, _, mut pod) = Cluster::with_bound_pod(CONTAINERS);
    let what = format!("{container} {before:?} -> {after}");
    if let Some(state) = before {
        set(&mut pod, "Running", &[(container, state)]);
    }
    cluster.update("09:40:10.4", &mut pod, |pod| {
        set(pod, "Running", &[(container, after)]);
        status(pod, container)["restartCount"] = restarts.into();
    });
    expect(&what, &cluster.spans(), rows);
}

#[test]
fn a_container_that_could_not_be_started_has_no_length_whether_its_start_is_1970_null_or_absent() {
    for (container, kind) in EACH {
        for start in ["1970", "-", ""] {
            let truth = match kind {
                "step" => {
                    "09:40:09..09:40:09, error, clamped=-, step.started=false, start=-, container.started_at=-, end=-"
                }
                _ => "09:40:09..09:40:09, clamped=-, end=-",
            };
            let rows = [(&*format!("{kind} {container}"), truth)];
            change(container, Some(waiting()), ended(128, "StartError", start, "09:40:09"), 0, &rows);
        }
    }
}

#[test]
fn a_container_without_times_was_lost_if_it_ran_and_else_never_began() {
    for (container, kind) in EACH {
        let which = format!("{kind} {container}");
        let never = match kind {
            "step" => "09:40:10..09:40:10, error, step.started=false, start=-, container.started_at=-, end=received",
            _ => "09:40:10..09:40:10, end=received",
        };
        let lost = match kind {
            "step" => {
                "09:40:10..09:40:10, error, step.started=-, start=unknown, container.started_at=2026-12-03T09:30:06Z, end=received"
            }
            _ => "09:30:06..09:40:10, end=received",
        };
        for (times, restarts) in [("-", 0), ("", 0), ("1970", 0), ("-", 1)] {
            let unknown = || ended(137, "ContainerStatusUnknown", times, times);
            change(container, Some(running("09:30:06")), unknown(), restarts, &[(&*which, lost)]);
        }
        for times in ["-", "", "1970"] {
            let unknown = || ended(137, "ContainerStatusUnknown", times, times);
            for before in [Some(waiting()), None] {
                change(container, before, unknown(), 0, &[(&*which, never)]);
            }
        }
    }
}

#[test]
fn a_container_that_began_and_has_no_end_time_lasted_until_the_update_was_received() {
    for (container, kind) in EACH {
        for end in ["-", "", "1970"] {
            let truth = match kind {
                "step" => "09:40:10..09:40:10, error, step.started=-, start=unknown, end=received",
                _ => "09:30:06..09:40:10, end=received",
            };
            let rows = [(&*format!("{kind} {container}"), truth)];
            change(container, Some(running("09:30:06")), ended(137, "Error", "09:30:06", end), 0, &rows);
        }
    }
}

#[test]
fn a_lost_container_has_one_span_whether_its_state_or_its_last_state_says_so() {
    // `pkg/kubelet/kubelet_pods.go` convertToAPIContainerStatuses says it by lastState first, while the state waits.
    for (container, kind) in EACH {
        let (mut cluster, _, mut pod) = Cluster::with_bound_pod(CONTAINERS);
        set(&mut pod, "Running", &[(container, running("09:30:06"))]);
        cluster.update("09:40:10.4", &mut pod, |pod| {
            set(pod, "Running", &[(container, json!({"waiting": {"reason": "ContainerCreating"}}))]);
            let message =
                "The container could not be located when the pod was deleted.  The container used to be Running";
            status(pod, container)["lastState"] = said(ended(137, "ContainerStatusUnknown", "-", "-"), message);
            status(pod, container)["restartCount"] = 1.into();
        });
        cluster.update("09:40:12.9", &mut pod, |pod| set(pod, "Running", &[(container, unknown())]));
        let truth = match kind {
            "step" => "09:40:10..09:40:10, start=unknown, step.started=-, container.started_at=2026-12-03T09:30:06Z",
            _ => "09:30:06..09:40:10, end=received",
        };
        expect(container, &cluster.spans(), &[(&*format!("{kind} {container}"), truth)]);
        crate::dealing::assert_same_spans_however_dealt(container, &cluster.calls());
    }
}

#[test]
fn two_containers_without_times_are_distinguished_by_what_each_was_before() {
    let (mut cluster, _, mut pod) = Cluster::with_waiting_pod("step-one step-two");
    set(&mut pod, "Running", &[("step-one", running("09:30:06"))]);
    cluster
        .update("09:40:10.4", &mut pod, |pod| set(pod, "Failed", &[("step-one", unknown()), ("step-two", unknown())]));
    expect(
        "both unknown",
        &cluster.spans(),
        &[
            ("step step-one", "start=unknown, step.started=-, container.started_at=2026-12-03T09:30:06Z"),
            ("step step-two", "start=-, step.started=false, container.started_at=-"),
            ("pod", "09:30:01..09:40:10, error, end=received"),
        ],
    );
}
