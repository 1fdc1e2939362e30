//! Tekton's Pods.

mod container;
mod end;
mod place;
mod reason;
mod stamp;
mod termination;
mod view;

use std::borrow::Cow;

use super::ObjectKind;
use super::tekton::{self, RUN_CARRIER, RUN_LABEL, TASK_LABEL, TASK_RUN, TASK_RUN_CARRIER};
use crate::Timestamp;
use crate::builder::{Description, Interval, SpanBuilder};
use crate::change::{Change, Deletion};
use crate::object::{ContainerStatus, Object, PodSpec, Resource, Status};
use crate::outcome::Outcome;
use crate::span::{Attribute, SpanType};
use crate::stamp::Stamp;
use crate::subject::{Relation, Subject};
use view::PodView;

pub use place::PodPlace;
pub use termination::Termination;

const RESOURCE: &Resource = &Resource {
    group: "",
    kind: "Pod",
    plural: "pods",
    versions: &["v1"],
    label: Some(TASK_RUN_LABEL),
    attribute_prefix: "k8s.pod",
};

/// The name of the TaskRun that a Pod belongs to.
const TASK_RUN_LABEL: &str = "tekton.dev/taskRun";
/// The uid of the TaskRun that a Pod belongs to.
const TASK_RUN_UID_LABEL: &str = "tekton.dev/taskRunUID";

/// `core/v1` Pod, of those that a TaskRun controls.
#[derive(Debug)]
pub(super) struct Pod;

impl ObjectKind for Pod {
    fn resource(&self) -> &'static Resource {
        RESOURCE
    }

    fn is_traced(&self, subject: &Subject<'_>) -> bool {
        subject.labels.get(TASK_RUN_LABEL).is_some() && subject.owner().is_some_and(|(_, kind)| kind == TASK_RUN)
    }

    fn relation<'a>(&self, subject: &Subject<'a>) -> Relation<'a> {
        let run = subject.labels.get(RUN_LABEL);
        Relation {
            carrier: None,
            inherited_carrier: Some(if run.is_some() { RUN_CARRIER } else { TASK_RUN_CARRIER }),
            run: tekton::pipeline_run_name(subject),
            uid: tekton::pipeline_run_uid(subject).or_else(|| subject.labels.get_filled(TASK_RUN_UID_LABEL)),
            // Its TaskRun's stamp may have been missed.
            ancestor: run.map(|name| (tekton::PIPELINE_RUN, name)),
        }
    }

    fn describe<'a>(&self, subject: &Subject<'a>) -> Description<'a> {
        Description {
            run: tekton::pipeline_run_uid(subject),
            attributes: [
                ("pipelinerun", tekton::inherited(subject, RUN_LABEL)),
                ("taskrun", tekton::inherited(subject, TASK_RUN_LABEL)),
                ("k8s.pod.name", Some(Cow::Borrowed(subject.name()))),
                ("k8s.pod.uid", subject.metadata.uid.as_deref().map(Cow::Borrowed)),
                ("cicd.pipeline.task.name", tekton::inherited(subject, TASK_LABEL)),
            ],
        }
    }

    fn stamp<'a>(&self, subject: &Subject<'a>, stamp: &mut Stamp<'a>) {
        stamp::containers(subject, stamp);
    }

    fn may_end(&self, old: &Object<'_>, new: &Object<'_>) -> bool {
        may_end(old, new)
    }

    fn observe<'a>(&self, spans: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
        observe(spans, change);
    }

    fn span_types(&self) -> &'static [SpanType] {
        use SpanType::{InitContainer, Pod, PodEvent, Pull, Sandbox, Schedule, Sidecar, Step};
        &[Pod, Schedule, Sandbox, Pull, InitContainer, Step, Sidecar, PodEvent]
    }
}

/// `core/v1` PodScheduled, written by the binding and so in no diff of its own.
const SCHEDULED: &str = "PodScheduled";
/// `core/v1` PodReadyToStartContainers: the sandbox is up.
const SANDBOX: &str = "PodReadyToStartContainers";
/// Conditions that the kubelet writes together with the first `PodReadyToStartContainers`.
const WRITTEN_WITH_IT: [&str; 3] = ["Ready", "ContainersReady", "Initialized"];

fn may_end(old: &Object<'_>, new: &Object<'_>) -> bool {
    let (Some(status), none) = (&new.status, Status::default()) else { return false };
    let was = old.status.as_ref().unwrap_or(&none);
    let phase = |status: &Status<'_>| matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    sandbox_is_up(was, status)
        || started_without_sandbox(was, status)
        || phase(status) && !phase(was)
        || status.containers().any(|now| {
            let was = was.container(&now.name);
            container::first_end_is_new(was, now)
                || now.terminated().is_some() && was.is_none_or(|was| was.terminated().is_none())
        })
}

fn sandbox_is_up(was: &Status<'_>, is: &Status<'_>) -> bool {
    is.since(SANDBOX).is_some() && was.since(SANDBOX).is_none()
}

/// Kubelets before 1.29, and those that are virtual, never write the condition: then the first container shows that the
/// Pod was scheduled.
fn started_without_sandbox(was: &Status<'_>, is: &Status<'_>) -> bool {
    is.condition(SANDBOX).is_none() && any_started(is) && !any_started(was)
}

fn any_started(status: &Status<'_>) -> bool {
    let started = |container: &ContainerStatus<'_>| {
        container.running().is_some() || container.ends().any(|end| end.started().is_some())
    };
    status.containers().any(started)
}

fn observe<'a>(builder: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
    let subject = builder.subject;
    let Some(pod) = PodView::new(subject, attempt(subject.name())) else { return };
    let none = Status::default();
    match change {
        Change::Update(old) => {
            let Some(status) = &subject.object.status else { return };
            let was = old.status.as_ref().unwrap_or(&none);
            if sandbox_is_up(was, status) && !had_sandbox(&pod, was) {
                schedule(builder, &pod, status);
                sandbox(builder, &pod, status);
            } else if started_without_sandbox(was, status) {
                schedule(builder, &pod, status);
            }
            container::ended(builder, &pod, was, status);
            if end::is_over(&pod.spec, status) && !end::is_over(&pod.spec, was) {
                end::ended(builder, &pod, status);
            }
        }
        Change::Delete(deletion) if is_final(&pod.spec, deletion) && !subject.metadata.held() => {
            let status = subject.object.status.as_ref();
            if let Some(status) = status.filter(|status| !had_sandbox(&pod, status)) {
                schedule(builder, &pod, status);
            }
            end::deleted(builder, &pod, status);
        }
        Change::Delete(_) => {}
    }
}

/// The first DELETE, with the Pod's grace period, is only a request, unless no kubelet has the Pod yet
/// (`kubernetes/kubernetes` `pkg/registry/core/pod/strategy.go` CheckGracefulDelete).
fn is_final(spec: &PodSpec<'_>, deletion: &Deletion) -> bool {
    deletion.grace == Some(0) || spec.node_name.as_deref().unwrap_or_default().is_empty()
}

/// Whether a sandbox was up at any time, by what it leaves behind: the condition goes back to False when the Pod ends, and
/// when a node reboots before the first container was created, after which the kubelet makes a second sandbox.
fn had_sandbox(pod: &PodView<'_>, status: &Status<'_>) -> bool {
    let address = status.pod_ip.is_some() && pod.spec.host_network != Some(true);
    // Of a Pod that never had one, all of these became False with the kubelet's first status, if not in the same second.
    let lost = status.condition(SANDBOX).and_then(crate::object::Condition::changed).is_some_and(|lost| {
        let others = WRITTEN_WITH_IT.iter().filter_map(|kind| status.condition(kind)?.changed());
        others.min().is_some_and(|first| first < lost.minus_seconds(1))
    });
    address || lost || status.since(SANDBOX).is_some() || any_started(status)
}

/// From creation to the binding.
fn schedule(builder: &mut SpanBuilder<'_, '_>, pod: &PodView<'_>, status: &Status<'_>) {
    let scheduled = scheduled(pod, status).unwrap_or(pod.created);
    preparation(builder, pod, SpanType::Schedule, "", pod.created, scheduled);
}

/// From the binding to the sandbox. Its instant is part of the id: a sandbox can be made again.
fn sandbox(builder: &mut SpanBuilder<'_, '_>, pod: &PodView<'_>, status: &Status<'_>) {
    let (Some(scheduled), Some(ready)) = (scheduled(pod, status), status.since(SANDBOX)) else { return };
    preparation(builder, pod, SpanType::Sandbox, &ready.to_string(), scheduled, ready);
}

fn scheduled(pod: &PodView<'_>, status: &Status<'_>) -> Option<Timestamp> {
    status.since(SCHEDULED).map(|scheduled| scheduled.max(pod.created))
}

fn preparation(
    builder: &mut SpanBuilder<'_, '_>,
    pod: &PodView<'_>,
    what: SpanType,
    which: &str,
    from: Timestamp,
    to: Timestamp,
) {
    // Most Pods are scheduled within a second, which costs nothing.
    if to > from {
        let attributes = vec![Attribute::new("tracestamp.attempt", pod.attempt)];
        builder.write_part(what, which, Interval::new(from, to), Outcome::UNTOLD, attributes);
    }
}

/// Tekton names the Pod of a second attempt `…-pod-retry1` (`pkg/pod/pod.go`).
fn attempt(name: &str) -> i64 {
    let retry = name.rsplit_once("-pod-retry").and_then(|(_, n)| n.parse::<u32>().ok());
    i64::from(retry.unwrap_or(0)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_is_in_the_pods_name() {
        for (name, n) in [
            ("run-build-pod", 1),
            ("run-build-pod-retry1", 2),
            ("run-build-pod-retry12", 13),
            ("a-pod-retryx", 1),
            ("", 1),
        ] {
            assert_eq!(attempt(name), n, "{name}");
        }
    }
}
