//! Steps, sidecars and init containers of Tekton's Pods. Only the Pod speaks for steps: on cancel and timeout Tekton
//! invents their ends in the TaskRun, and the Pod reports the truth a moment later.

mod attributes;
mod life;
mod outcome;

use std::borrow::Cow;

use super::view::{End, PodView, is_step};
use crate::Timestamp;
use crate::builder::{Interval, SpanBuilder, SpanDraft};
use crate::context::SpanId;
use crate::kind::pod::termination::Termination;
use crate::note::Note;
use crate::object::{ContainerStatus, Status, Terminated};
use crate::outcome::Outcome;
use crate::span::{Attribute, SpanType};
use life::Life;

pub(super) use attributes::image_attributes;
pub(super) use outcome::{failure_of_step, removed};

/// Containers whose first termination is new.
pub(super) fn ended<'a>(builder: &mut SpanBuilder<'_, 'a>, pod: &PodView<'a>, was: &Status<'_>, is: &'a Status<'a>) {
    for status in is.containers() {
        let was = was.container(&status.name);
        if let (true, Some(end)) = (first_end_is_new(was, status), status.first_end()) {
            write_ended(builder, pod, is, (was, status), end);
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
pub(super) fn deleted<'a>(builder: &mut SpanBuilder<'_, 'a>, pod: &PodView<'a>, is: &'a Status<'a>, end: End) {
    for status in is.containers().filter(|status| status.first_end().is_none() && status.restart_count() == 0) {
        let Some(running) = status.running() else { continue };
        let what = attributes::span_type(pod, status);
        let mut own = attributes::of_container(pod, status, None);
        let life = Life::Lost { started: running.started(), end };
        let interval = life_interval(what, pod, life, &mut own);
        write(builder, pod, status, what, interval, removed(pod), own);
    }
}

fn write_ended<'a>(
    builder: &mut SpanBuilder<'_, 'a>,
    pod: &PodView<'a>,
    is: &'a Status<'a>,
    (was, status): (Option<&ContainerStatus<'_>>, &'a ContainerStatus<'a>),
    end: &'a Terminated<'a>,
) {
    let what = attributes::span_type(pod, status);
    let mut own = attributes::of_container(pod, status, Some(end));
    let life = Life::new(was, end, End::unknown(builder, pod));
    let (interval, outcome) = if let (SpanType::Step, Life::Ran { started, finished }) = (what, life) {
        step(builder, pod, end, (started, finished), &mut own)
    } else {
        own.extend(attributes::exit(end.exit_code, end.reason().to_owned()));
        let stopped = what == SpanType::Sidecar && stopped_with_pod(pod, is, life);
        let outcome = if stopped { Outcome::SUCCESS } else { outcome::of_exit(pod, end) };
        (life_interval(what, pod, life, &mut own), outcome)
    };
    write(builder, pod, status, what, interval, outcome, own);
}

/// From when to when a container is shown that is no step whose turn is known.
fn life_interval(what: SpanType, pod: &PodView<'_>, life: Life, attributes: &mut Vec<Attribute<'_>>) -> Interval {
    let step = what == SpanType::Step;
    match life {
        Life::NeverStarted { end } => {
            attributes.extend(step.then(|| Attribute::new("tracestamp.step.started", false)));
            Interval::at(end.at.max(pod.created)).received(end.received)
        }
        Life::Ran { started, finished } => Interval::new(started, finished),
        Life::Lost { started, end } => {
            let at = end.at.max(started.unwrap_or(pod.created));
            // When a step's turn came is in its termination message alone, which is lost with it.
            let start = started.filter(|_| !step);
            attributes.extend(start.is_none().then(|| Attribute::new("tracestamp.start", "unknown")));
            let began = started.filter(|_| step).map(|at| at.to_string());
            attributes.extend(began.map(|at| Attribute::new("tracestamp.container.started_at", at)));
            Interval::new(start.unwrap_or(at), at).received(end.received)
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
fn step(
    builder: &SpanBuilder<'_, '_>,
    pod: &PodView<'_>,
    end: &Terminated<'_>,
    (started, finished): (Timestamp, Timestamp),
    attributes: &mut Vec<Attribute<'_>>,
) -> (Interval, Outcome) {
    let message = end.message();
    let entry = Termination::parse(&message);
    let (code, reason) = outcome::code_and_reason(end, &entry);
    attributes.extend(attributes::exit(code, reason.to_owned()));
    attributes.push(Attribute::new("tracestamp.container.started_at", started.to_string()));
    attributes.push(Attribute::new("tracestamp.container.finished_at", finished.to_string()));
    // The container's end is cut to the second, so a turn may begin in the second that follows it, and no later.
    let turn = entry.started.filter(|turn| (started..=finished.minus_seconds(-1)).contains(turn));
    let interval = if let Some(turn) = turn {
        attributes.push(Attribute::new("tracestamp.step.waited", turn.seconds_since(started)));
        Interval::new(turn, finished)
    } else {
        if entry.started.is_some() {
            builder.subject.note(Note::StepTimeRefused);
        }
        // Killed outright, a step leaves no message either.
        let never = message.is_empty() && !matches!((code, reason), (0 | 137, _) | (_, "OOMKilled"));
        attributes.push(if never {
            Attribute::new("tracestamp.step.started", false)
        } else {
            Attribute::new("tracestamp.start", "unknown")
        });
        Interval::at(finished)
    };
    (interval, outcome::of_step(pod, end, &entry))
}

fn write<'a>(
    builder: &mut SpanBuilder<'_, 'a>,
    pod: &PodView<'a>,
    status: &'a ContainerStatus<'a>,
    what: SpanType,
    interval: Interval,
    outcome: Outcome,
    attributes: Vec<Attribute<'a>>,
) {
    let name: &'a str = &status.name;
    let span_id = builder.below(what, name);
    // A step belongs to its TaskRun, what serves it to the Pod.
    let (parent, name): (Option<SpanId>, _) = match what {
        SpanType::Step => (builder.identity.parent, name.strip_prefix("step-").unwrap_or(name)),
        _ => (Some(builder.own()), name),
    };
    let interval = if interval.start < pod.created {
        Interval { clamped: true, start: pod.created, end: interval.end.max(pod.created), ..interval }
    } else {
        interval
    };
    builder.write(SpanDraft {
        what,
        span_id,
        parent,
        name: Cow::Borrowed(name),
        interval,
        outcome,
        attributes,
        events: Vec::new(),
    });
}
