//! No message's foreign part reaches a span, whatever stands before it.

use proptest::prelude::*;
use serde_json::{Value, json};
use tracestamp_admission::{Endpoint, Entropy, Review};
use tracestamp_core::{Config, Timestamp};

use crate::cluster::Cluster;
use crate::messages::{OF_A_CONTAINER, OF_THE_NODE, REJECTIONS};
use crate::objects::*;
use crate::review::review;

/// No name of an object, no number and no quantity has such characters.
const MARK: &str = "s3cr3t-0001=A_b";

/// Beginnings of messages: some are followed by the words of others, some are whole sentences.
const BEGINNINGS: [&str; 15] = [
    "",
    "TaskRun \"nightly-h4v8t-build\" failed to finish within \"1m0s\"",
    "PipelineRun \"nightly-h4v8t\" failed to finish within \"1h0m0s\"",
    "PipelineRun \"nightly-h4v8t\" failed due to tasks failed to finish within \"1h0m0s\"",
    "TaskRun \"nightly-h4v8t-build\" was cancelled. ",
    "TaskRun \"nightly-h4v8t-build\" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has timed out.",
    "the step \"make\" in TaskRun \"nightly-h4v8t-build\" failed to pull the image \"",
    "the sidecar \"db\" in TaskRun \"nightly-h4v8t-build\" failed to start. The pod errored with the message: \"",
    "failed to create task run pod \"nightly-h4v8t-build\": ",
    "Failed to create pod due to config error",
    "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 1",
    "OOMKilled",
    "build failed for unspecified reasons.",
    "pod status \"Initialized\":\"False\"; message: \"",
    "Pod was active on the node longer than the specified deadline",
];

const GLUE: [&str; 12] = [
    "",
    " ",
    ": ",
    ". ",
    ", ",
    "; ",
    "\n",
    "\nPrevious status: [ToBeRetried] ",
    "\nPrevious status: [",
    "\"",
    "?",
    "\u{e9}",
];

const REASONS: [&str; 23] = [
    "Failed",
    "FailureIgnored",
    "StepFailed",
    "StepOOM",
    "SidecarOOM",
    "SidecarFailed",
    "InitContainerOOM",
    "InitContainerFailed",
    "PodEvicted",
    "PodAdmissionFailed",
    "PodCreationFailed",
    "CreateContainerConfigError",
    "TaskRunTimeout",
    "TaskRunCancelled",
    "TaskRunImagePullFailed",
    "PullImageFailed",
    "PipelineRunTimeout",
    "Cancelled",
    "CustomRunTimedOut",
    "InvalidParamValue",
    "CouldntGetTask",
    "ExceededNodeResources",
    "s3cr3t-0001=A_b",
];

/// A message with the mark behind a known beginning, or behind a part of one.
fn message() -> impl Strategy<Value = String> {
    let known: Vec<&str> = BEGINNINGS.into_iter().chain(OF_THE_NODE).chain(REJECTIONS).chain(OF_A_CONTAINER).collect();
    let user_error = prop::sample::select(vec!["", "[User error] ", "Pod was rejected: ", "init container failed, "]);
    let cut = prop_oneof![3 => Just(1.0), 1 => 0.0..1.0];
    let parts = (
        user_error,
        prop::sample::select(known),
        cut,
        prop::sample::select(&GLUE[..]),
        prop::sample::select(&GLUE[..]),
    );
    parts.prop_map(|(before, known, cut, glue, after)| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let kept = (known.chars().count() as f64 * cut) as usize;
        let known: String = known.chars().take(kept).collect();
        format!("{before}{known}{glue}{MARK}{after}")
    })
}

fn reason() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&REASONS[..])
}

/// What the run fails with, wherever it can stand.
fn fail(run: &mut Value, reason: &str, message: &str) {
    let mut attempt = json!({"status": {}});
    succeeded(&mut attempt, "False", reason, message, "09:30:01", "09:35:00");
    succeeded(run, "False", reason, message, "09:35:01", "09:40:00");
    let status = &mut run["status"];
    status["retriesStatus"] = json!([attempt["status"]]);
    let end = said(ended(1, "TaskRunCancelled", "09:36:00", "09:40:00"), message);
    status["steps"] =
        json!([{"name": "make", "container": "step-make", "terminated": end["terminated"], "imageID": message}]);
    status["podName"] = json!("nightly-h4v8t-build-pod");
    status["taskResults"] = json!([{"name": "token", "value": message}]);
    run["spec"]["statusMessage"] = json!(message);
    run["spec"]["params"] = json!([{"name": "token", "value": message}]);
}

fn assert_unmarked(spans: &[tracestamp_core::span::SpanRecord<'_>]) -> Result<(), TestCaseError> {
    prop_assert!(!spans.is_empty());
    for span in spans {
        prop_assert!(!format!("{span:?}").contains("s3cr3t-0001"), "{span:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_runs_messages_are_recorded_only_as_far_as_they_are_known(reason in reason(), message in message()) {
        let mut cluster = Cluster::new();
        let mut run = cluster.create("09:30:00", pipeline_run("nightly-"));
        let mut task = cluster.create("09:30:01", task_run(&run, "build"));
        let custom = json!({"apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "spec": {"customRef": {"name": "gate"}}});
        let mut custom = cluster.create("09:30:01", run_of_task(&run, "gate", custom));
        for object in [&mut task, &mut custom, &mut run] {
            cluster.update("09:35:00.5", object, |object| succeeded(object, "Unknown", "ToBeRetried", &message, "09:30:01", "09:35:00"));
            cluster.update("09:40:00.5", object, |object| fail(object, reason, &message));
        }
        assert_unmarked(&cluster.spans())?;
    }

    #[test]
    fn a_pods_messages_are_never_recorded(message in message(), reason in prop::sample::select(vec!["", "Evicted", "OutOfcpu", "Terminated"]), removed in any::<bool>()) {
        let (mut cluster, _, mut pod) = Cluster::with_running_pod("init:prepare native:mesh step-make step-pack sidecar-db");
        cluster.update("09:31:00.5", &mut pod, |pod| {
            pod["status"]["message"] = json!(message);
            if !reason.is_empty() {
                pod["status"]["reason"] = json!(reason);
            }
            condition(pod, "DisruptionTarget", "True", "09:30:50", "PreemptionByScheduler");
            for condition in pod["status"]["conditions"].as_array_mut().unwrap() {
                condition["message"] = json!(message);
            }
            let ended = |code| said(ended(code, "Error", "09:30:04", "09:31:00"), &message);
            set(pod, "Failed", &[("prepare", ended(3)), ("step-make", ended(3)), ("sidecar-db", ended(0))]);
            let pulling = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
            set(pod, "Failed", &[("step-pack", pulling), ("mesh", ended(2))]);
            status(pod, "mesh")["lastState"] = ended(1);
        });
        if removed {
            cluster.remove("09:31:05", &pod);
        } else {
            cluster.update("09:31:05.5", &mut pod, |pod| set(pod, "Failed", &[("step-pack", said(unknown(), &message))]));
        }
        assert_unmarked(&cluster.spans())?;
    }

    #[test]
    fn an_images_credentials_are_never_recorded(user in "[a-z]{0,6}", port in prop::sample::select(vec!["", ":5000"]), tail in prop::sample::select(vec!["", ":1", "@sha256:00", ":1@sha256:00"])) {
        for scheme in ["", "https://", "docker-pullable://"] {
            let image = format!("{scheme}{user}:s3cr3t-0001@registry.example{port}/tools/make{tail}");
            let (mut cluster, _, mut pod) = Cluster::with_running_pod("init:prepare step-make sidecar-db");
            for list in ["initContainers", "containers"] {
                for container in pod["spec"][list].as_array_mut().unwrap() {
                    container["image"] = json!(image);
                }
            }
            cluster.update("09:31:00.5", &mut pod, |pod| {
                let end = ended(0, "Completed", "09:30:04", "09:31:00");
                set(pod, "Running", &[("step-make", end.clone()), ("sidecar-db", end)]);
                for name in ["step-make", "sidecar-db"] {
                    status(pod, name)["image"] = json!(image);
                    status(pod, name)["imageID"] = json!(image);
                }
            });
            assert_unmarked(&cluster.spans())?;
            for (reason, message) in [
                ("Pulled", format!("Successfully pulled image \"{image}\" in 53ms (69ms including waiting). Image size: 7 bytes.")),
                ("Failed", format!("Failed to pull image \"{image}\": failed to resolve reference \"{image}\": 401 Unauthorized")),
                ("BackOff", format!("Back-off pulling image \"{image}\"")),
                ("Failed", format!("Error: failed to create containerd container for \"{image}\"")),
            ] {
                let span = of_event(&pod, reason, &message);
                prop_assert!(!span.contains("s3cr3t-0001"), "{message} gives {span}");
            }
        }
    }
}

/// The span that an Event about the Pod gives, as text; empty when there is none.
fn of_event(pod: &Value, reason: &str, message: &str) -> String {
    let config = Config { pod_events: true, ..Config::default() };
    let name = pod["metadata"]["name"].as_str().unwrap();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "reason": reason, "message": message, "eventTime": "2026-12-03T09:30:03.000000Z",
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": "e74eaaa4-dd3d-4461-86ec-ad78a3b160fe"},
        "metadata": {"name": format!("{name}.1877"), "namespace": "ci"},
    });
    let event = review("CREATE", Some(&event), None, &json!({})).to_string();
    let event = Review::parse(event.as_bytes()).unwrap();
    let received = Timestamp::parse(&time("09:30:04")).unwrap();
    let Some(event) = event.decide(Endpoint::Observe, &config, received, Entropy([7; 20])).pod_event else {
        return String::new();
    };
    let pod = review("UPDATE", Some(pod), Some(pod), &json!({"subResource": "status"})).to_string();
    let place = Review::parse(pod.as_bytes()).unwrap().pod_place(&config).unwrap();
    format!("{:?}", place.span(&event, &config))
}

#[test]
fn an_image_without_credentials_is_recorded_whole() {
    let (_, _, pod) = Cluster::with_running_pod("step-make");
    let message = "Successfully pulled image \"registry.example:5000/tools/make:1\" in 53ms (69ms including waiting). Image size: 7 bytes.";
    let span = of_event(&pod, "Pulled", message);
    assert!(span.contains("\"pull registry.example:5000/tools/make:1\""), "{span}");
}
