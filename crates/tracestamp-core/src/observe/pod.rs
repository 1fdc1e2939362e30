//! Tekton's Pods.

mod end;

use std::borrow::Cow;

use super::container;
use super::outcome::Outcome;
use super::pod_view::PodView;
use super::scribe::{Draft, Extent, Scribe};
use super::{Change, Deletion};
use crate::Timestamp;
use crate::object::{ContainerStatus, Object, PodSpec, Status};
use crate::span::{Attribute, SpanType};

/// `core/v1` PodScheduled, written by the binding and so in no diff of its own.
const SCHEDULED: &str = "PodScheduled";
/// `core/v1` PodReadyToStartContainers: the sandbox is up.
const SANDBOX: &str = "PodReadyToStartContainers";
/// Conditions that the kubelet writes together with the first `PodReadyToStartContainers`.
const WRITTEN_WITH_IT: [&str; 3] = ["Ready", "ContainersReady", "Initialized"];

pub(super) fn may_end(old: &Object<'_>, new: &Object<'_>) -> bool {
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

pub(super) fn observe<'a>(scribe: &mut Scribe<'_, 'a>, change: &Change<'a>) {
    let subject = scribe.subject;
    let Some(pod) = PodView::new(subject, attempt(subject.name())) else { return };
    let none = Status::default();
    match change {
        Change::Update(old) => {
            let Some(status) = &subject.object.status else { return };
            let was = old.status.as_ref().unwrap_or(&none);
            if sandbox_is_up(was, status) && !had_sandbox(&pod, was) {
                schedule(scribe, &pod, status);
                sandbox(scribe, &pod, status);
            } else if started_without_sandbox(was, status) {
                schedule(scribe, &pod, status);
            }
            container::ended(scribe, &pod, was, status);
            if end::is_over(&pod.spec, status) && !end::is_over(&pod.spec, was) {
                end::ended(scribe, &pod, status);
            }
        }
        Change::Delete(deletion) if is_final(&pod.spec, deletion) && !subject.metadata.held() => {
            let status = subject.object.status.as_ref();
            if let Some(status) = status.filter(|status| !had_sandbox(&pod, status)) {
                schedule(scribe, &pod, status);
            }
            end::deleted(scribe, &pod, status);
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
fn schedule(scribe: &mut Scribe<'_, '_>, pod: &PodView<'_>, status: &Status<'_>) {
    let scheduled = scheduled(pod, status).unwrap_or(pod.created);
    preparation(scribe, pod, SpanType::Schedule, "", pod.created, scheduled);
}

/// From the binding to the sandbox. Its instant is part of the id: a sandbox can be made again.
fn sandbox(scribe: &mut Scribe<'_, '_>, pod: &PodView<'_>, status: &Status<'_>) {
    let (Some(scheduled), Some(ready)) = (scheduled(pod, status), status.since(SANDBOX)) else { return };
    preparation(scribe, pod, SpanType::Sandbox, &ready.to_string(), scheduled, ready);
}

fn scheduled(pod: &PodView<'_>, status: &Status<'_>) -> Option<Timestamp> {
    status.since(SCHEDULED).map(|scheduled| scheduled.max(pod.created))
}

fn preparation(
    scribe: &mut Scribe<'_, '_>,
    pod: &PodView<'_>,
    what: SpanType,
    which: &str,
    from: Timestamp,
    to: Timestamp,
) {
    if to <= from {
        return;
    }
    let (span_id, parent) = (scribe.below(what, which), Some(scribe.own()));
    let attributes = vec![Attribute::new("tracestamp.attempt", pod.attempt)];
    let (name, extent) = (Cow::Borrowed(what.name()), Extent::new(from, to));
    scribe.write(Draft {
        what,
        span_id,
        parent,
        name,
        extent,
        outcome: Outcome::UNTOLD,
        attributes,
        events: Vec::new(),
    });
}

/// Tekton names the Pod of a second attempt `…-pod-retry1` (`pkg/pod/pod.go`).
pub(super) fn attempt(name: &str) -> i64 {
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
