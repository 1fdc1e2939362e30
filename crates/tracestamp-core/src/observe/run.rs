//! PipelineRun, TaskRun and CustomRun.

use std::borrow::Cow;
use std::ops::Deref;

use super::outcome::Outcome;
use super::scribe::{Draft, Extent, Scribe};
use super::{Change, run_name, vcs};
use crate::Timestamp;
use crate::object::{Condition, Kind, Object, SkippedTask, Status, StepState};
use crate::span::{Attribute, Event, SpanType};
use crate::subject::Subject;

pub(super) fn may_end(old: &Object<'_>, new: &Object<'_>) -> bool {
    ends(old, new)
        || released(old, new)
        || new.status.as_ref().is_some_and(|new| !old.status.as_ref().unwrap_or(&Status::default()).same_retries(new))
}

/// The one transition of a run from open to ended (exactly one per run: recordings-findings, section 2).
fn ends(old: &Object<'_>, new: &Object<'_>) -> bool {
    let ended = |object: &Object<'_>| object.status.as_ref().is_some_and(|status| status.ended().is_some());
    ended(new) && !ended(old)
}

/// The last finalizer of a deleted object goes: the API server removes it with this update, no DELETE follows.
fn released(old: &Object<'_>, new: &Object<'_>) -> bool {
    let (Some(old), Some(new)) = (&old.metadata, &new.metadata) else { return false };
    new.deletion_timestamp.is_some() && old.held() && !new.held()
}

pub(super) fn observe<'a>(scribe: &mut Scribe<'_, 'a>, change: &Change<'a>) {
    let object = scribe.subject.object;
    let ended = object.status.as_ref().and_then(Status::ended);
    match change {
        Change::Update(old) => {
            attempts(scribe, old);
            if ends(old, object) {
                ended_run(scribe);
            } else if ended.is_none() && released(old, object) {
                deleted_run(scribe);
            }
        }
        Change::Delete(deletion) if ended.is_none() && !deletion.held && !scribe.subject.metadata.held() => {
            deleted_run(scribe);
        }
        Change::Delete(_) => {}
    }
}

fn ended_run(scribe: &mut Scribe<'_, '_>) {
    let Some(status) = &scribe.subject.object.status else { return };
    let Some(succeeded) = status.ended() else { return };
    let Some(created) = scribe.subject.metadata.created() else { return };
    let outcome = outcome(scribe.subject, succeeded, || status.steps());
    // Controllers of custom tasks may leave completionTime out; the condition changed with this very transition.
    let told = status.completed().or_else(|| succeeded.changed());
    let extent = Extent::new(created, told.unwrap_or(scribe.received)).received(told.is_none());
    write_run(scribe, status, extent, &outcome);
}

fn outcome<'a, S: Deref<Target = [StepState<'a>]>>(
    subject: &Subject<'a>,
    succeeded: &Condition<'a>,
    steps: impl FnOnce() -> S,
) -> Outcome {
    match subject.kind {
        Kind::CustomRun => Outcome::of_custom_run(succeeded),
        Kind::TaskRun if &*succeeded.status == "False" => Outcome::of_run(succeeded, subject.name(), &steps()),
        _ => Outcome::of_run(succeeded, subject.name(), &[]),
    }
}

fn deleted_run(scribe: &mut Scribe<'_, '_>) {
    let Some(created) = scribe.subject.metadata.created() else { return };
    let none = Status::default();
    let status = scribe.subject.object.status.as_ref();
    let extent = Extent::new(created, scribe.received).received(true);
    match status {
        Some(status) => write_run(scribe, status, extent, &Outcome::DELETED),
        None => write_run_alone(scribe, &none, extent, &Outcome::DELETED),
    }
}

/// The run's own span and those that end with it.
fn write_run<'a>(scribe: &mut Scribe<'_, 'a>, status: &'a Status<'a>, extent: Extent, outcome: &Outcome) {
    let past = status.retries();
    pending(scribe, status, past.first().and_then(crate::object::Attempt::started), extent, outcome);
    let finally = status.finally_started().filter(|_| scribe.subject.kind == Kind::PipelineRun && !extent.received);
    if let Some(began) = finally {
        part(scribe, SpanType::Finally, Extent::new(began, extent.end).within(extent), Outcome::UNTOLD);
    }
    if let (false, Some(began)) = (past.is_empty(), status.started()) {
        let extent = Extent::new(began, extent.end).received(extent.received).within(extent);
        attempt(scribe, past.len() + 1, extent, outcome.clone());
    }
    let (events, unread) = events(scribe.subject, status, extent, outcome);
    own(scribe, extent, outcome, events, unread);
}

fn write_run_alone<'a>(scribe: &mut Scribe<'_, 'a>, status: &Status<'a>, extent: Extent, outcome: &Outcome) {
    pending(scribe, status, None, extent, outcome);
    own(scribe, extent, outcome, Vec::new(), 0);
}

/// From creation to the first attempt's start. `startTime` moves until the end, so it is read there.
fn pending(scribe: &mut Scribe<'_, '_>, status: &Status<'_>, first: Option<Timestamp>, run: Extent, outcome: &Outcome) {
    match first.or_else(|| status.started()) {
        Some(began) => {
            part(scribe, SpanType::Pending, Extent::new(run.start, began.max(run.start)).within(run), Outcome::UNTOLD);
        }
        None if run.received => part(scribe, SpanType::Pending, run, outcome.clone()),
        None => {}
    }
}

/// A part of a run; one without length tells nothing.
fn part(scribe: &mut Scribe<'_, '_>, what: SpanType, extent: Extent, outcome: Outcome) {
    if extent.is_empty() {
        return;
    }
    let (span_id, parent) = (scribe.below(what, ""), Some(scribe.own()));
    let name = Cow::Borrowed(what.name());
    scribe.write(Draft { what, span_id, parent, name, extent, outcome, attributes: Vec::new(), events: Vec::new() });
}

/// Attempts that failed and are tried again: each new entry of `retriesStatus`.
fn attempts(scribe: &mut Scribe<'_, '_>, old: &Object<'_>) {
    let Some(new) = &scribe.subject.object.status else { return };
    if old.status.as_ref().is_some_and(|old| old.same_retries(new)) {
        return;
    }
    let known = old.status.as_ref().map_or(0, |old| old.retries().len());
    for (index, entry) in new.retries().iter().enumerate().skip(known) {
        let (Some(began), Some(ended)) = (entry.started(), entry.completed()) else { continue };
        let Some(succeeded) = entry.succeeded() else { continue };
        let outcome = outcome(scribe.subject, succeeded, || entry.steps());
        let created = scribe.subject.metadata.created().unwrap_or(began);
        let run = Extent::new(created, ended.max(created));
        attempt(scribe, index + 1, Extent::new(began, ended).within(run), outcome);
    }
}

fn attempt(scribe: &mut Scribe<'_, '_>, n: usize, extent: Extent, outcome: Outcome) {
    let what = SpanType::Attempt;
    let attributes = vec![Attribute::new("tracestamp.attempt", i64::try_from(n).unwrap_or(i64::MAX))];
    let (span_id, parent) = (scribe.below(what, &n.to_string()), Some(scribe.own()));
    let name = Cow::Owned(format!("attempt {n}"));
    scribe.write(Draft { what, span_id, parent, name, extent, outcome, attributes, events: Vec::new() });
}

fn own<'a>(scribe: &mut Scribe<'_, 'a>, extent: Extent, outcome: &Outcome, events: Vec<Event<'a>>, unread: usize) {
    let subject = scribe.subject;
    let uid = Cow::Borrowed(subject.metadata.uid.as_deref().unwrap_or_default());
    let of = run_name::definition(subject);
    let task = run_name::task(subject);
    let attribute = |key, value: Option<Cow<'a, str>>| value.map(|value| Attribute::new(key, value));
    let url = subject.config.trace_url.as_ref().map(|template| Cow::Owned(template.of(scribe.identity.context)));
    let (what, name, attributes) = if subject.kind == Kind::PipelineRun {
        let name = of.as_ref().map_or(Cow::Borrowed("RUN"), |of| Cow::Owned(format!("RUN {of}")));
        let attributes = [
            attribute("cicd.pipeline.run.id", Some(uid)),
            attribute("cicd.pipeline.action.name", Some("RUN".into())),
            attribute("cicd.pipeline.name", of),
            attribute("cicd.pipeline.run.url.full", url),
            attribute("tracestamp.parent.pipelinerun", parent_run(subject)),
        ];
        (SpanType::PipelineRun, name, attributes)
    } else {
        let what = if subject.kind == Kind::CustomRun { SpanType::CustomRun } else { SpanType::TaskRun };
        // A task of a Pipeline says its name on every span already.
        let alone = of.clone().filter(|_| task.is_none());
        let attributes = [
            attribute("cicd.pipeline.task.run.id", Some(uid)),
            attribute("cicd.pipeline.task.name", alone),
            attribute("cicd.pipeline.task.run.url.full", url),
            None,
            None,
        ];
        (what, task.or(of).unwrap_or(Cow::Borrowed("RUN")), attributes)
    };
    let attributes = attributes.into_iter().flatten().chain(vcs::attributes(subject)).collect();
    let (span_id, parent) = (scribe.own(), scribe.identity.parent);
    let outcome = outcome.clone();
    scribe.write_own(Draft { what, span_id, parent, name, extent, outcome, attributes, events }, unread);
}

/// The name of the run whose task a child PipelineRun is.
fn parent_run<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    subject.owner().filter(|(_, kind)| *kind == Kind::PipelineRun).map(|(owner, _)| Cow::Borrowed(&*owner.name))
}

/// Skipped tasks of a run; the step states that Tekton invents on cancel and timeout (TEP-0136). Neither has an instant
/// of its own, so they stand at the run's end. With them, how many skipped tasks were not read.
fn events<'a>(
    subject: &Subject<'a>,
    status: &'a Status<'a>,
    extent: Extent,
    outcome: &Outcome,
) -> (Vec<Event<'a>>, usize) {
    match subject.kind {
        Kind::PipelineRun => {
            let skipped = status.skipped();
            let unread = skipped.left_out();
            let event = |task: SkippedTask<'a>| Event {
                time: extent.end,
                name: Cow::Borrowed("task skipped"),
                attributes: vec![
                    Attribute::new("cicd.pipeline.task.name", task.name.into_cow()),
                    Attribute::new("cicd.pipeline.task.run.result", "skip"),
                    Attribute::new("tracestamp.reason", task.reason.into_cow()),
                ],
            };
            (skipped.into_iter().map(event).collect(), unread)
        }
        Kind::TaskRun if matches!(outcome.result, "cancellation" | "timeout") => {
            let invented = |step: crate::object::StepState<'a>| {
                let end = step.terminated?;
                let reason = step.termination_reason.or(end.reason).unwrap_or_default();
                matches!(&*reason, "TaskRunCancelled" | "TaskRunTimeout").then(|| Event {
                    time: extent.end,
                    name: Cow::Borrowed("step terminated"),
                    attributes: vec![
                        Attribute::new("tracestamp.step.name", step.name.into_cow()),
                        Attribute::new("process.exit.code", end.exit_code),
                        Attribute::new("tracestamp.reason", reason.into_cow()),
                    ],
                })
            };
            (status.steps().into_iter().filter_map(invented).collect(), 0)
        }
        _ => (Vec::new(), 0),
    }
}
