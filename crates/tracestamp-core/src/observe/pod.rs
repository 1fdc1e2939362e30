//! Tekton's Pods.

use std::borrow::Cow;

use super::container;
use super::outcome::Outcome;
use super::pod_view::{End, PodView, killed};
use super::scribe::{Draft, Extent, Scribe};
use super::{Change, Deletion};
use crate::Timestamp;
use crate::object::{Object, PodSpec, Status};
use crate::span::{Attribute, SpanWhat};

/// `core/v1` PodScheduled, written by the binding and so in no diff of its own.
const SCHEDULED: &str = "PodScheduled";
/// `core/v1` PodReadyToStartContainers: the sandbox is up.
const SANDBOX: &str = "PodReadyToStartContainers";

pub(super) fn may_end(old: &Object<'_>, new: &Object<'_>) -> bool {
    let (Some(status), none) = (&new.status, Status::default()) else { return false };
    let was = old.status.as_ref().unwrap_or(&none);
    let phase = |status: &Status<'_>| matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let newly_ended = |name: &str| was.container(name).is_none_or(|was| was.ends().next().is_none());
    sandbox_is_up(was, status)
        || phase(status) && !phase(was)
        || status.containers().any(|now| {
            now.first_end().is_some() && newly_ended(&now.name)
                || now.terminated().is_some() && was.container(&now.name).is_none_or(|was| was.terminated().is_none())
        })
}

fn sandbox_is_up(was: &Status<'_>, is: &Status<'_>) -> bool {
    let up = |status: &Status<'_>| status.condition(SANDBOX).is_some_and(|condition| &*condition.status == "True");
    up(is) && !up(was)
}

pub(super) fn observe<'a>(scribe: &mut Scribe<'_, 'a>, change: &Change<'a>) {
    let subject = scribe.subject;
    let (Some(created), Some(spec)) = (subject.metadata.created(), PodSpec::parse(subject.object.spec)) else { return };
    let pod = PodView { spec, attempt: attempt(subject.name()), created, killed: subject.metadata.deletion_asked() };
    let none = Status::default();
    match change {
        Change::Update(old) => {
            let Some(status) = &subject.object.status else { return };
            let was = old.status.as_ref();
            if sandbox_is_up(was.unwrap_or(&none), status) {
                preparation(scribe, &pod, status);
            }
            container::ended(scribe, &pod, was, status);
            if over(&pod.spec, status) && !was.is_some_and(|was| over(&pod.spec, was)) {
                ended_pod(scribe, &pod, status);
            }
        }
        Change::Delete(deletion) if is_final(&pod.spec, deletion) && !subject.metadata.held() => {
            deleted_pod(scribe, &pod, subject.object.status.as_ref());
        }
        Change::Delete(_) => {}
    }
}

/// The first DELETE, with the Pod's grace period, is only a request, unless no kubelet has the Pod yet
/// (`kubernetes/kubernetes` `pkg/registry/core/pod/strategy.go` CheckGracefulDelete).
fn is_final(spec: &PodSpec<'_>, deletion: &Deletion) -> bool {
    deletion.grace == Some(0) || spec.node_name.as_deref().unwrap_or_default().is_empty()
}

/// Every regular container and native sidecar is terminated; or the Pod's phase is final and none runs any more, some
/// never having started. Not the phase alone: that comes a second later.
fn over(spec: &PodSpec<'_>, status: &Status<'_>) -> bool {
    let final_phase = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let runs = status.containers().any(|container| container.running().is_some());
    let has_containers = spec.containers.as_ref().is_some_and(|containers| !containers.is_empty());
    has_containers && (all_terminated(spec, status) || final_phase && !runs)
}

fn all_terminated(spec: &PodSpec<'_>, status: &Status<'_>) -> bool {
    let regular = spec.containers.iter().flatten();
    let native = spec.init_containers.iter().flatten().filter(|container| container.restarts());
    regular.chain(native).all(|container| status.container(&container.name).is_some_and(|is| is.terminated().is_some()))
}

fn ended_pod<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, status: &'a Status<'a>) {
    let ends = || status.containers().flat_map(crate::object::ContainerStatus::ends);
    let unknown = ends().any(|end| end.finished().is_none());
    let last = ends().filter_map(crate::object::Terminated::finished).max();
    let end = match last {
        Some(last) if !(unknown && pod.killed.is_some()) => End { at: last, received: false },
        _ => killed(scribe, pod),
    };
    let outcome = match container::failed_step(pod, status) {
        Some(failed) if taken_by_node(status) => Outcome { result: "error", ..failed },
        Some(failed) => failed,
        None if container::steps_ended(pod, status) => Outcome::SUCCESS,
        None => Outcome::FAILED_BEFORE_STEPS,
    };
    write_pod(scribe, pod, Some(status), end, outcome);
}

/// Evicted, ended by a node that shuts down, or made to give way: a step that was killed with it did nothing wrong
/// (`kubernetes/kubernetes` `pkg/kubelet/{eviction,nodeshutdown,preemption}`).
fn taken_by_node(status: &Status<'_>) -> bool {
    matches!(status.reason.as_deref(), Some("Evicted" | "Terminated" | "Preempting"))
}

fn deleted_pod<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, status: Option<&'a Status<'a>>) {
    let end = killed(scribe, pod);
    let Some(status) = status else { return write_pod(scribe, pod, None, end, Outcome::DELETED) };
    if never_ready(status) {
        let scheduled = status.since(SCHEDULED).unwrap_or(pod.created);
        preparation_part(scribe, pod, SpanWhat::Schedule, pod.created, scheduled);
    }
    container::deleted(scribe, pod, status, end);
    if over(&pod.spec, status) {
        return;
    }
    // What still runs may be no more than the image that Tekton stopped a sidecar with.
    let outcome = if container::all_ended_once(pod, status) {
        container::failed_step(pod, status).unwrap_or(Outcome::SUCCESS)
    } else {
        Outcome::DELETED
    };
    write_pod(scribe, pod, Some(status), end, outcome);
}

/// The condition goes back to False at the Pod's end, so what a sandbox leaves behind is asked as well.
fn never_ready(status: &Status<'_>) -> bool {
    let started = |container: &crate::object::ContainerStatus<'_>| {
        container.running().is_some() || container.ends().any(|end| end.started().is_some())
    };
    status.since(SANDBOX).is_none() && status.pod_ip.is_none() && !status.containers().any(started)
}

/// `schedule` and `sandbox`, both known when the sandbox is up and at no other time.
fn preparation(scribe: &mut Scribe<'_, '_>, pod: &PodView<'_>, status: &Status<'_>) {
    let Some(scheduled) = status.since(SCHEDULED) else { return };
    let scheduled = scheduled.max(pod.created);
    preparation_part(scribe, pod, SpanWhat::Schedule, pod.created, scheduled);
    if let Some(ready) = status.since(SANDBOX) {
        preparation_part(scribe, pod, SpanWhat::Sandbox, scheduled, ready);
    }
}

fn preparation_part(scribe: &mut Scribe<'_, '_>, pod: &PodView<'_>, what: SpanWhat, from: Timestamp, to: Timestamp) {
    if to <= from {
        return;
    }
    let (span_id, parent) = (scribe.below(what, ""), Some(scribe.own()));
    let attributes = vec![Attribute::new("tracestamp.attempt", pod.attempt)];
    let (name, extent) = (Cow::Borrowed(what.as_str()), Extent::new(from, to));
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

fn write_pod<'a>(
    scribe: &mut Scribe<'_, 'a>,
    pod: &PodView<'a>,
    status: Option<&'a Status<'a>>,
    end: End,
    outcome: Outcome,
) {
    let mut attributes = vec![Attribute::new("tracestamp.attempt", pod.attempt)];
    let mut put = |key, value: Option<&str>| {
        attributes.extend(value.map(|value| Attribute::new(key, value.to_owned())));
    };
    put("k8s.node.name", pod.spec.node_name.as_deref());
    put("k8s.pod.status.phase", status.and_then(|status| final_phase(pod, status)));
    put("k8s.pod.status.reason", status.and_then(|status| status.reason.as_deref()));
    let extent = Extent::new(pod.created, end.at).received(end.received);
    let (span_id, parent) = (scribe.own(), scribe.identity.parent);
    let (what, name) = (SpanWhat::Pod, Cow::Borrowed("pod"));
    scribe.write_own(Draft { what, span_id, parent, name, extent, outcome, attributes, events: Vec::new() });
}

/// The phase lags a second behind the containers, so it is what the kubelet will make of them, for Pods that are never
/// restarted (`kubernetes/kubernetes` `pkg/kubelet/kubelet_pods.go` getPhase): one end, one content, whichever update
/// told it.
fn final_phase<'a>(pod: &PodView<'a>, status: &'a Status<'a>) -> Option<&'a str> {
    let told = status.phase.as_deref().filter(|phase| matches!(*phase, "Succeeded" | "Failed"));
    let computed = || {
        let mut regular = pod.spec.containers.iter().flatten();
        let succeeded = regular.all(|container| {
            let terminated = status.container(&container.name).and_then(|container| container.terminated());
            terminated.is_some_and(|terminated| terminated.exit_code == 0)
        });
        if succeeded { "Succeeded" } else { "Failed" }
    };
    told.or_else(|| all_terminated(&pod.spec, status).then(computed))
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
