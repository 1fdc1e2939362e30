//! What happens to containers.

use crate::cases::Case;
use crate::cluster::Cluster;
use crate::objects::*;

const SIDECAR_AND_STEPS: &str = "init:prepare step-clone step-assemble sidecar-cache";

#[test]
fn a_container_whose_command_does_not_exist_never_began() {
    START_ERROR.check();
}

/// kubernetes/kubernetes#120331, tektoncd/pipeline#3330.
pub const START_ERROR: Case = Case {
    name: "start-error",
    record: || {
        let (mut cluster, _, mut pod) = Cluster::with_waiting_pod(SIDECAR_AND_STEPS);
        let no_file = |end| {
            let message = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc \
                           create failed: unable to start container process: exec: \"mvnw\": executable file not found in $PATH";
            said(ended(128, "StartError", "1970", end), message)
        };
        cluster.update("09:30:08.2", &mut pod, |pod| {
            let cloning = running("09:30:06");
            let states = [
                ("sidecar-cache", no_file("09:30:07")),
                ("step-assemble", no_file("09:30:08")),
                ("step-clone", cloning),
            ];
            set(pod, "Running", &states);
        });
        cluster.update("09:30:12.4", &mut pod, |pod| {
            let cloned = step(ended(0, "Completed", "09:30:06", "09:30:12"), "09:30:06.45", &[]);
            failed(pod, "09:30:12", &[("step-clone", cloned)]);
        });
        let run = cluster.create("10:00:00", pipeline_run("deploy-"));
        let (_, mut pod) = cluster.task("10:00:01", &run, "rollout", "init:prepare init:mesh-init step-apply");
        let prepare = ended(0, "Completed", "10:00:02", "10:00:03");
        cluster.update("10:00:03.6", &mut pod, |pod| {
            prepared(pod, "10:00:01", "10:00:02");
            set(pod, "Pending", &[("prepare", prepare), ("mesh-init", waiting()), ("step-apply", waiting())]);
        });
        cluster.update("10:00:09.6", &mut pod, |pod| {
            let broken = said(
                ended(128, "StartError", "1970", "10:00:09"),
                "failed to create containerd task: exec format error",
            );
            failed(pod, "10:00:09", &[("mesh-init", broken)]);
        });
        cluster.calls()
    },
    rows: &[
        (
            "step step-assemble",
            "09:30:08..09:30:08, error, result=error, error.type=StartError, step.started=false, container.started_at=-, start=-",
        ),
        ("sidecar sidecar-cache", "09:30:07..09:30:07, clamped=-"),
        ("init_container mesh-init", "10:00:09..10:00:09, clamped=-"),
        ("init_container prepare nightly-h4v8t-build", "09:30:02..09:30:03, unset"),
        ("step step-clone", "09:30:06.45..09:30:12, unset"),
        ("pod nightly-h4v8t-build", "09:30:01..09:30:12, error, result=error"),
        ("pod deploy-p2k6d-rollout", "10:00:01..10:00:09, result=error"),
    ],
};

#[test]
fn a_container_that_was_lost_while_it_ran_lasted_until_the_update_was_received() {
    LOST_WHILE_IT_RAN.check();
}

/// kubernetes/kubernetes#95364, openshift/kubernetes#392, tektoncd/pipeline#9467.
pub const LOST_WHILE_IT_RAN: Case = Case {
    name: "lost-while-it-ran",
    record: || {
        let (mut cluster, mut task, mut pod) = Cluster::with_running_pod("init:prepare step-train sidecar-cache");
        cluster.update("10:12:20.8", &mut pod, |pod| {
            failed(pod, "10:12:20", &[("step-train", unknown()), ("sidecar-cache", unknown())]);
            for name in ["step-train", "sidecar-cache"] {
                status(pod, name)["restartCount"] = 1.into();
            }
        });
        cluster.update("10:12:21.1", &mut task, |task| {
            let message = "\"step-train\" exited with code 137: ContainerStatusUnknown";
            succeeded(task, "False", "Failed", message, "09:30:01", "10:12:21");
        });
        cluster.calls()
    },
    rows: &[
        ("pod", "09:30:01..10:12:20, error, end=received"),
        (
            "step step-train",
            "10:12:20..10:12:20, error, error.type=ContainerStatusUnknown, end=received, start=unknown, step.started=-, container.started_at=2026-12-03T09:30:04Z",
        ),
        ("sidecar", "09:30:04..10:12:20, end=received"),
    ],
};

#[test]
fn a_pod_lasts_until_its_last_container_has_used_up_its_grace_period() {
    SIDECAR_USES_UP_THE_GRACE_PERIOD.check();
}

/// tektoncd/pipeline#4895, #4921, #3877.
pub const SIDECAR_USES_UP_THE_GRACE_PERIOD: Case = Case {
    name: "sidecar-uses-up-the-grace-period",
    record: || {
        let (mut cluster, mut task, mut pod) = Cluster::with_waiting_pod("init:prepare step-assemble sidecar-cache");
        cluster.update("09:30:08", &mut pod, |pod| set(pod, "Pending", &[("sidecar-cache", running("09:30:06"))]));
        cluster.update("09:32:00.2", &mut task, |task| {
            let message = "the step \"assemble\" in TaskRun \"nightly-h4v8t-build\" failed to pull the image \"\".";
            succeeded(task, "False", "TaskRunImagePullFailed", message, "09:30:01", "09:32:00");
        });
        cluster.ask_to_delete("09:32:00.4", &mut pod);
        cluster.update("09:32:31.5", &mut pod, |pod| {
            let killed = ended(137, "Error", "09:30:06", "09:32:30");
            failed(pod, "09:32:31", &[("step-assemble", unknown()), ("sidecar-cache", killed)]);
        });
        cluster.remove("09:32:32", &pod);

        let run = cluster.create("10:00:00", pipeline_run("deploy-"));
        let (_, mut pod) = cluster.task("10:00:01", &run, "rollout", "init:prepare step-apply sidecar-tunnel");
        cluster.update("10:00:06", &mut pod, |pod| {
            prepared(pod, "10:00:01", "10:00:02");
            let prepare = ended(0, "Completed", "10:00:02", "10:00:03");
            set(
                pod,
                "Running",
                &[("prepare", prepare), ("step-apply", running("10:00:04")), ("sidecar-tunnel", running("10:00:05"))],
            );
        });
        cluster.ask_to_delete("10:01:00", &mut pod);
        cluster.update("10:01:22.3", &mut pod, |pod| {
            let obeyed = step(ended(255, "Error", "10:00:04", "10:01:22"), "10:00:05.3", &[]);
            set(pod, "Running", &[("step-apply", obeyed)]);
        });
        cluster.remove("10:15:00", &pod);
        cluster.calls()
    },
    rows: &[
        ("pod nightly-h4v8t-build", "09:30:01..09:32:30, end=-"),
        ("sidecar sidecar-cache", "09:30:06..09:32:30"),
        ("step step-assemble", "09:32:00..09:32:00, step.started=false"),
        ("pod deploy-p2k6d-rollout", "10:00:01..10:01:22"),
        ("step step-apply", "10:00:05.3..10:01:22"),
    ],
};

#[test]
fn a_step_whose_child_was_killed_for_memory_failed_though_it_exited_with_0() {
    OOM_KILLED_WITH_EXIT_CODE_0.check();
}

/// tektoncd/pipeline#1806, #1812, #8170, #10371.
pub const OOM_KILLED_WITH_EXIT_CODE_0: Case = Case {
    name: "oom-killed-with-exit-code-0",
    record: || {
        let (mut cluster, mut task, mut pod) = Cluster::with_running_pod("init:prepare step-link step-publish");
        cluster.update("09:31:10.2", &mut pod, |pod| {
            let killed = step(ended(0, "OOMKilled", "09:30:04", "09:31:10"), "09:30:05.2", &[]);
            set(pod, "Running", &[("step-link", killed)]);
        });
        cluster.update("09:31:10.6", &mut task, |task| {
            succeeded(task, "False", "Failed", "OOMKilled", "09:30:01", "09:31:10");
        });
        cluster.update("09:31:13", &mut pod, |pod| {
            let done = step(ended(0, "Completed", "09:30:04", "09:31:12"), "09:31:10.9", &[]);
            condition(pod, "PodReadyToStartContainers", "False", "09:31:13", "");
            set(pod, "Succeeded", &[("step-publish", done)]);
        });
        cluster.calls()
    },
    rows: &[
        ("step step-link", "09:30:05.2..09:31:10, error, result=error, error.type=OOMKilled, process.exit.code=0"),
        ("step step-publish", "09:31:10.9..09:31:12, unset"),
        ("pod", "error, result=error, error.type=OOMKilled"),
        ("task_run", "error, result=failure|error"),
    ],
};

#[test]
fn a_pod_says_of_a_step_that_ran_out_of_time_what_the_step_says() {
    STEP_TIMEOUT.check();
}

/// tektoncd/pipeline#6178, #3087. The entrypoint writes the time of the step's own time zone.
pub const STEP_TIMEOUT: Case = Case {
    name: "step-timeout",
    record: || {
        let (mut cluster, mut task, mut pod) = Cluster::with_running_pod("init:prepare step-soak step-collect");
        let entrypoint = |start: &str, reason: &str| {
            format!(
                r#"[{{"key":"StartedAt","value":"{start}","type":3}},{{"key":"Reason","value":"{reason}","type":3}}]"#
            )
        };
        let soaked = entrypoint("2026-12-03T15:00:05.2+05:30", "TimeoutExceeded");
        cluster.update("09:32:06", &mut pod, |pod| {
            set(pod, "Running", &[("step-soak", said(ended(1, "Error", "09:30:04", "09:32:05"), &soaked))]);
        });
        cluster.update("09:32:07", &mut pod, |pod| {
            let skipped = entrypoint("2026-12-03T15:02:06+05:30", "Skipped");
            failed(pod, "09:32:07", &[("step-collect", said(ended(1, "Error", "09:30:04", "09:32:06"), &skipped))]);
        });
        cluster.update("09:32:07.3", &mut task, |task| {
            let message = "\"step-soak\" exited because the step exceeded the specified timeout limit";
            succeeded(task, "False", "Failed", message, "09:30:01", "09:32:07");
        });
        cluster.calls()
    },
    rows: &[
        ("step step-soak", "09:30:05.2..09:32:05, error, result=timeout, error.type=TimeoutExceeded"),
        ("step step-collect", "unset, result=skip"),
        ("pod", "error, result=timeout, error.type=TimeoutExceeded"),
        (
            "task_run",
            "error, result=failure|timeout, message=\"step-soak\" exited because the step exceeded the specified timeout limit",
        ),
    ],
};

#[test]
fn a_sandbox_that_is_made_again_is_not_the_first_one() {
    SANDBOX_MADE_AGAIN.check();
    // Another replica gets nothing but the second one.
    let calls = (SANDBOX_MADE_AGAIN.record)();
    crate::expect::expect(
        "the second alone",
        &crate::call::spans(&calls[calls.len() - 1..]),
        &[("sandbox", "gone"), ("schedule", "gone")],
    );
}

/// kubernetes/kubernetes#79398, kubernetes/website#35704: the node restarts while the first image is pulled.
pub const SANDBOX_MADE_AGAIN: Case = Case {
    name: "sandbox-made-again",
    record: || {
        let mut cluster = Cluster::new();
        let run = cluster.create("09:30:00", pipeline_run("nightly-"));
        let (_, mut pod) = cluster.task("09:30:01", &run, "build", "init:prepare step-assemble");
        cluster.update("09:30:03.1", &mut pod, |pod| {
            condition(pod, "PodScheduled", "True", "09:30:03", "");
            condition(pod, "PodReadyToStartContainers", "False", "09:30:03", "");
            set(pod, "Pending", &[("prepare", waiting()), ("step-assemble", waiting())]);
        });
        for (value, at) in [("True", "09:30:05"), ("False", "09:36:00"), ("True", "09:39:40")] {
            cluster.update(at, &mut pod, |pod| {
                condition(pod, "PodReadyToStartContainers", value, at, "");
                if value == "False" {
                    pod["status"]["podIP"] = "10.7.0.9".into();
                }
            });
        }
        cluster.calls()
    },
    rows: &[("schedule", "09:30:01..09:30:03"), ("sandbox", "09:30:03..09:30:05")],
};
