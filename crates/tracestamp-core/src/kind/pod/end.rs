//! When a Pod is over, and what came of it.

use std::borrow::Cow;

use super::container;
use crate::Timestamp;
use crate::builder::{Interval, SpanBuilder, SpanDraft};
use crate::kind::pod::view::{End, PodView};
use crate::object::{ContainerStatus, PodSpec, Status, Terminated};
use crate::outcome::Outcome;
use crate::span::{Attribute, SpanType};

/// Every regular container and native sidecar is terminated; or the Pod's phase is final and none runs any more, some
/// never having started. Not the phase alone: that comes a second later.
pub(super) fn is_over(spec: &PodSpec<'_>, status: &Status<'_>) -> bool {
    let final_phase = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let runs = status.containers().any(|container| container.running().is_some());
    let has_containers = spec.containers.as_ref().is_some_and(|containers| !containers.is_empty());
    has_containers && (all_ended_for_good(spec, status) || final_phase && !runs)
}

/// Whether the kubelet starts none of them again.
fn all_ended_for_good(spec: &PodSpec<'_>, status: &Status<'_>) -> bool {
    let restarts = match spec.restart_policy.as_deref() {
        None | Some("Never") => false,
        Some("OnFailure") => spec.containers.iter().flatten().any(|container| {
            let end = status.container(&container.name).and_then(ContainerStatus::terminated);
            end.is_some_and(|end| end.exit_code != 0)
        }),
        Some(_) => true,
    };
    !restarts && all_terminated(spec, status)
}

fn all_terminated(spec: &PodSpec<'_>, status: &Status<'_>) -> bool {
    let regular = spec.containers.iter().flatten();
    let native = spec.init_containers.iter().flatten().filter(|container| container.restarts());
    regular.chain(native).all(|container| status.container(&container.name).is_some_and(|is| is.terminated().is_some()))
}

pub(super) fn ended<'a>(builder: &mut SpanBuilder<'_, 'a>, pod: &PodView<'a>, status: &'a Status<'a>) {
    let known = last_end(status);
    let unknown = status.containers().flat_map(ContainerStatus::ends).any(|end| end.finished().is_none());
    let end = match known {
        Some(at) if !unknown => End { at, received: false },
        _ => End::unknown(builder, pod).or_later(known),
    };
    let removed = container::removed(pod);
    // Nothing of it failed before its steps: then the result alone is recorded.
    let result = if pod.deletion_asked.is_some() { removed.result } else { Outcome::FAILED_BEFORE_STEPS.result };
    let unfinished = Outcome { result, ..Outcome::FAILED_BEFORE_STEPS };
    write_pod(builder, pod, Some(status), end, outcome(pod, status, unfinished));
}

/// The Pod is removed: what still ran ends now, as far as anybody knows.
pub(super) fn deleted<'a>(builder: &mut SpanBuilder<'_, 'a>, pod: &PodView<'a>, status: Option<&'a Status<'a>>) {
    let Some(status) = status else {
        return write_pod(builder, pod, None, End::unknown(builder, pod), container::removed(pod));
    };
    let starts = status.containers().filter_map(|container| container.running()?.started());
    let end = End::unknown(builder, pod).or_later(last_end(status).max(starts.max()));
    container::deleted(builder, pod, status, end);
    if is_over(&pod.spec, status) {
        return;
    }
    write_pod(builder, pod, Some(status), end, outcome(pod, status, container::removed(pod)));
}

/// The Pod's outcome is that of its first failed step, whatever became of its sidecars; `unfinished` when its steps did
/// not all end.
fn outcome(pod: &PodView<'_>, status: &Status<'_>, unfinished: Outcome) -> Outcome {
    let mut all_ended = true;
    for step in pod.steps() {
        let Some(end) = status.container(step).and_then(ContainerStatus::terminated) else {
            all_ended = false;
            continue;
        };
        if let Some(failed) = container::failure_of_step(pod, end) {
            return failed;
        }
    }
    if all_ended { Outcome::SUCCESS } else { unfinished }
}

/// The last end that a container shows.
fn last_end(status: &Status<'_>) -> Option<Timestamp> {
    status.containers().flat_map(ContainerStatus::ends).filter_map(Terminated::finished).max()
}

fn write_pod<'a>(
    builder: &mut SpanBuilder<'_, 'a>,
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
    let interval = Interval::new(pod.created, end.at).received(end.received);
    let (span_id, parent) = (builder.own(), builder.identity.parent);
    let (what, name) = (SpanType::Pod, Cow::Borrowed("pod"));
    builder.write_own(SpanDraft { what, span_id, parent, name, interval, outcome, attributes, events: Vec::new() }, 0);
}

/// The phase lags a second behind the containers, so it is what the kubelet will make of them, for Pods that are never
/// restarted (`kubernetes/kubernetes` `pkg/kubelet/kubelet_pods.go` getPhase): one end, one content, whichever update
/// showed it.
fn final_phase<'a>(pod: &PodView<'a>, status: &'a Status<'a>) -> Option<&'a str> {
    let reported = status.phase.as_deref().filter(|phase| matches!(*phase, "Succeeded" | "Failed"));
    let computed = || {
        let mut regular = pod.spec.containers.iter().flatten();
        let succeeded = regular.all(|container| {
            let terminated = status.container(&container.name).and_then(|container| container.terminated());
            terminated.is_some_and(|terminated| terminated.exit_code == 0)
        });
        if succeeded { "Succeeded" } else { "Failed" }
    };
    reported.or_else(|| all_terminated(&pod.spec, status).then(computed))
}
