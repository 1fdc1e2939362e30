//! Steps, sidecars and init containers of Tekton's Pods. Only the Pod speaks for steps: on cancel and timeout Tekton
//! invents their ends in the TaskRun, and the Pod reports the truth a moment later.

mod attributes;
mod life;
mod outcome;

use std::borrow::Cow;

use super::outcome::Outcome;
use super::pod_view::{End, PodView, is_step};
use super::scribe::{Draft, Extent, Scribe};
use crate::context::SpanId;
use crate::note::Note;
use crate::object::{ContainerStatus, Status, Terminated};
use crate::span::{Attribute, SpanType};
use crate::termination::Termination;
use life::Life;

pub(super) use attributes::image_attributes;
pub(super) use outcome::{failure_of_step, removed};

/// Containers whose first termination is new.
pub(super) fn ended<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, was: &Status<'_>, is: &'a Status<'a>) {
    for status in is.containers() {
        let was = was.container(&status.name);
        if let (true, Some(end)) = (first_end_is_new(was, status), status.first_end()) {
            write_ended(scribe, pod, is, (was, status), end);
        }
    }
}

/// Whether the container's first life ended with this change. Tekton stops a sidecar by restarting it as another image, a
/// native sidecar may crash and be restarted: one span is recorded, of the first life, by whichever replica sees its end.
pub(super) fn first_end_is_new(was: Option<&ContainerStatus<'_>>, is: &ContainerStatus<'_>) -> bool {
    let first = is.first_end().is_some() && is.restart_count() <= 1;
    first && was.is_none_or(|was| was.first_end().is_none() && was.restart_count() == 0)
}

/// Containers that still run when the Pod goes. A container that never started gets no span.
pub(super) fn deleted<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, is: &'a Status<'a>, end: End) {
    for status in is.containers().filter(|status| status.first_end().is_none() && status.restart_count() == 0) {
        let Some(running) = status.running() else { continue };
        let what = attributes::span_type(pod, status);
        let mut own = attributes::of_container(pod, status, None);
        let life = Life::Lost { started: running.started(), end };
        let extent = life_extent(what, pod, life, &mut own);
        write(scribe, pod, status, what, extent, removed(pod), own);
    }
}

fn write_ended<'a>(
    scribe: &mut Scribe<'_, 'a>,
    pod: &PodView<'a>,
    is: &'a Status<'a>,
    (was, status): (Option<&ContainerStatus<'_>>, &'a ContainerStatus<'a>),
    end: &'a Terminated<'a>,
) {
    let what = attributes::span_type(pod, status);
    let mut own = attributes::of_container(pod, status, Some(end));
    let life = Life::new(was, end, End::unknown(scribe, pod));
    let (extent, outcome) = match (what, life) {
        (SpanType::Step, Life::Ran { .. }) => step(scribe, pod, end, life, &mut own),
        _ => {
            own.extend(attributes::exit(end.exit_code, end.reason().to_owned()));
            let stopped = what == SpanType::Sidecar && stopped_with_pod(pod, is, life);
            let outcome = if stopped { Outcome::SUCCESS } else { outcome::of_exit(pod, end) };
            (life_extent(what, pod, life, &mut own), outcome)
        }
    };
    write(scribe, pod, status, what, extent, outcome, own);
}

/// From when to when a container is shown that is no step whose turn is known.
fn life_extent(what: SpanType, pod: &PodView<'_>, life: Life, attributes: &mut Vec<Attribute<'_>>) -> Extent {
    let step = what == SpanType::Step;
    match life {
        Life::NeverStarted { end } => {
            attributes.extend(step.then(|| Attribute::new("tracestamp.step.started", false)));
            Extent::at(end.at.max(pod.created)).received(end.received)
        }
        Life::Ran { started, finished } => Extent::new(started, finished),
        Life::Lost { started, end } => {
            let at = end.at.max(started.unwrap_or(pod.created));
            // When a step's turn came is in its termination message alone, which is lost with it.
            let start = started.filter(|_| !step);
            attributes.extend(start.is_none().then(|| Attribute::new("tracestamp.start", "unknown")));
            let began = started.filter(|_| step).map(|at| at.to_string());
            attributes.extend(began.map(|at| Attribute::new("tracestamp.container.started_at", at)));
            Extent::new(start.unwrap_or(at), at).received(end.received)
        }
    }
}

/// A sidecar that is killed after the steps, or with the Pod, did nothing wrong.
fn stopped_with_pod(pod: &PodView<'_>, is: &Status<'_>, life: Life) -> bool {
    let Life::Ran { finished, .. } = life else { return false };
    let mut steps = is.container_statuses.iter().flatten().filter(|container| is_step(&container.name));
    let after = steps.all(|step| step.terminated().and_then(Terminated::finished).is_some_and(|end| end <= finished));
    after || pod.deletion_asked_by(Some(finished))
}

/// A step's turn, from the entrypoint's own words: all step containers start together and wait.
fn step<'a>(
    scribe: &Scribe<'_, '_>,
    pod: &PodView<'_>,
    end: &Terminated<'_>,
    life: Life,
    attributes: &mut Vec<Attribute<'a>>,
) -> (Extent, Outcome) {
    let Life::Ran { started, finished } = life else {
        return (life_extent(SpanType::Step, pod, life, attributes), outcome::of_exit(pod, end));
    };
    let message = end.message();
    let entry = Termination::parse(&message);
    let (code, reason) = outcome::code_and_reason(end, &entry);
    attributes.extend(attributes::exit(code, reason.to_owned()));
    attributes.push(Attribute::new("tracestamp.container.started_at", started.to_string()));
    attributes.push(Attribute::new("tracestamp.container.finished_at", finished.to_string()));
    // The container's end is cut to the second, so a turn may begin in the second that follows it, and no later.
    let turn = entry.started.filter(|turn| (started..=finished.minus_seconds(-1)).contains(turn));
    let extent = if let Some(turn) = turn {
        attributes.push(Attribute::new("tracestamp.step.waited", turn.seconds_since(started)));
        Extent::new(turn, finished)
    } else {
        if entry.started.is_some() {
            scribe.subject.note(Note::StepTimeRefused);
        }
        // Killed outright, a step leaves no message either.
        let never = message.is_empty() && !matches!((code, reason), (0 | 137, _) | (_, "OOMKilled"));
        attributes.push(if never {
            Attribute::new("tracestamp.step.started", false)
        } else {
            Attribute::new("tracestamp.start", "unknown")
        });
        Extent::at(finished)
    };
    (extent, outcome::of_step(pod, end, &entry))
}

fn write<'a>(
    scribe: &mut Scribe<'_, 'a>,
    pod: &PodView<'a>,
    status: &'a ContainerStatus<'a>,
    what: SpanType,
    extent: Extent,
    outcome: Outcome,
    attributes: Vec<Attribute<'a>>,
) {
    let name: &'a str = &status.name;
    let span_id = scribe.below(what, name);
    // A step belongs to its TaskRun, what serves it to the Pod.
    let (parent, name): (Option<SpanId>, _) = match what {
        SpanType::Step => (scribe.identity.parent, name.strip_prefix("step-").unwrap_or(name)),
        _ => (Some(scribe.own()), name),
    };
    let extent = if extent.start < pod.created {
        Extent { clamped: true, start: pod.created, end: extent.end.max(pod.created), ..extent }
    } else {
        extent
    };
    scribe.write(Draft {
        what,
        span_id,
        parent,
        name: Cow::Borrowed(name),
        extent,
        outcome,
        attributes,
        events: Vec::new(),
    });
}
