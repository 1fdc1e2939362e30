//! When a Pod ends: never before one of its containers, and never before its deletion is asked for while one is open.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::expect::expect;
use crate::objects::*;

const CONTAINERS: &str = "init:fetch native:mesh step-make sidecar-db";

/// Ends of containers, when the deletion was asked for, and when the Pod ends.
type EndOf<'t> = (&'t [(&'t str, &'t str)], Option<&'t str>, &'t str);

/// A state that ended then; `-` is not known, `runs` is none.
fn state(end: &str) -> Value {
    match end {
        "-" => unknown(),
        "runs" => running("09:30:04"),
        _ => ended(137, "Error", "09:30:04", end),
    }
}

fn check(rows: &[EndOf<'_>], last: impl Fn(&mut Cluster, &mut Value, &[(&str, Value)])) {
    for (ends, asked, end) in rows {
        let (mut cluster, _, mut pod) = Cluster::with_running_pod(CONTAINERS);
        if let Some(asked) = asked {
            cluster.ask_to_delete(asked, &mut pod);
        }
        let states: Vec<_> = ends.iter().map(|(name, end)| (*name, state(end))).collect();
        last(&mut cluster, &mut pod, &states);
        expect(&format!("{ends:?}, deletion {asked:?}"), &cluster.spans(), &[("pod", &*format!("09:30:01..{end}"))]);
    }
}

#[test]
fn a_pod_that_the_kubelet_ends_lasts_until_the_later_of_its_known_ends_and_the_request() {
    let rows: [EndOf<'_>; 9] = [
        (&[("step-make", "09:30:40"), ("sidecar-db", "09:30:50"), ("mesh", "09:31:10")], None, "09:31:10"),
        (&[("step-make", "09:31:02"), ("sidecar-db", "09:31:20"), ("mesh", "09:31:30")], Some("09:31:00"), "09:31:30"),
        (&[("step-make", "-"), ("sidecar-db", "09:31:20"), ("mesh", "09:31:05")], Some("09:31:00"), "09:31:20"),
        (&[("step-make", "09:31:07"), ("sidecar-db", "-"), ("mesh", "-")], Some("09:31:00"), "09:31:07"),
        (&[("step-make", "09:30:40"), ("sidecar-db", "-"), ("mesh", "09:30:50")], Some("09:31:00"), "09:31:00"),
        (&[("step-make", "09:30:40"), ("sidecar-db", "-"), ("mesh", "09:30:50")], None, "09:45:00, end=received"),
        (&[("step-make", "-"), ("sidecar-db", "-"), ("mesh", "-")], Some("09:31:00"), "09:31:00"),
        (&[("step-make", "-"), ("sidecar-db", "-"), ("mesh", "-")], None, "09:45:00, end=received"),
        // The node's clock is ahead of the one that receives.
        (&[("step-make", "09:45:20"), ("sidecar-db", "-"), ("mesh", "09:30:50")], None, "09:45:20, end=-"),
    ];
    check(&rows, |cluster, pod, states| cluster.update("09:45:00.3", pod, |pod| failed(pod, "09:45:00", states)));
}

#[test]
fn a_pod_that_is_removed_lasts_until_the_later_of_its_known_ends_and_the_request() {
    let rows: [EndOf<'_>; 6] = [
        (&[("step-make", "09:31:25"), ("sidecar-db", "runs"), ("mesh", "runs")], Some("09:31:00"), "09:31:25"),
        (&[("step-make", "09:31:02"), ("sidecar-db", "09:31:29"), ("mesh", "runs")], Some("09:31:00"), "09:31:29"),
        (&[("step-make", "09:30:40"), ("sidecar-db", "runs"), ("mesh", "runs")], Some("09:31:00"), "09:31:00"),
        (&[("step-make", "runs"), ("sidecar-db", "09:31:10"), ("mesh", "runs")], Some("09:31:00"), "09:31:10"),
        (&[("step-make", "runs"), ("sidecar-db", "runs"), ("mesh", "runs")], Some("09:31:00"), "09:31:00"),
        (&[("step-make", "runs"), ("sidecar-db", "09:31:10"), ("mesh", "runs")], None, "09:45:00, end=received"),
    ];
    check(&rows, |cluster, pod, states| {
        cluster.update("09:31:30", pod, |pod| set(pod, "Running", states));
        cluster.remove("09:45:00.3", pod);
    });
}

#[test]
fn a_pod_whose_init_container_obeyed_late_lasts_until_then() {
    let (mut cluster, _, mut pod) = Cluster::with_bound_pod("init:fetch step-make sidecar-db");
    set(&mut pod, "Pending", &[("fetch", running("09:30:02")), ("step-make", waiting()), ("sidecar-db", waiting())]);
    cluster.ask_to_delete("09:31:00", &mut pod);
    cluster.update("09:31:20.3", &mut pod, |pod| {
        failed(pod, "09:31:20", &[("fetch", ended(143, "Error", "09:30:02", "09:31:18"))]);
    });
    cluster.remove("09:31:21", &pod);
    expect(
        "init container",
        &cluster.spans(),
        &[("pod", "09:30:01..09:31:18"), ("init_container fetch", "09:30:02..09:31:18")],
    );
}

#[test]
fn a_pod_whose_kubelet_never_reports_its_sandbox_has_its_schedule_span_once() {
    // Kubelets before 1.29 write no PodReadyToStartContainers.
    for init in [true, false] {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:30:00", pipeline_run("nightly-"));
        let (_, mut pod) =
            cluster.task("09:30:01", &run, "build", if init { "init:fetch step-make" } else { "step-make" });
        let change = |states: &[(&str, Value)], pod: &mut Value| {
            condition(pod, "PodScheduled", "True", "09:30:04", "");
            set(pod, "Running", states);
        };
        let first = if init { "fetch" } else { "step-make" };
        cluster.update("09:30:04.5", &mut pod, |pod| change(&[("step-make", waiting())], pod));
        cluster.update("09:30:06.5", &mut pod, |pod| change(&[(first, running("09:30:06"))], pod));
        if init {
            cluster.update("09:30:08.5", &mut pod, |pod| {
                change(&[("fetch", ended(0, "Completed", "09:30:06", "09:30:08"))], pod);
            });
            cluster.update("09:30:09.5", &mut pod, |pod| change(&[("step-make", running("09:30:09"))], pod));
        }
        cluster.update("09:30:20.5", &mut pod, |pod| {
            change(&[("step-make", step(ended(0, "Completed", "09:30:09", "09:30:20"), "09:30:10.1", &[]))], pod);
        });
        cluster.remove("09:30:22", &pod);
        expect(
            "no PodReadyToStartContainers",
            &cluster.spans(),
            &[("schedule", "09:30:01..09:30:04"), ("pod", "09:30:01..09:30:20")],
        );
        crate::dealing::assert_same_spans_however_dealt("no PodReadyToStartContainers", &cluster.calls());
    }
}
