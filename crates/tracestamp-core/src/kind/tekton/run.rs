//! What PipelineRun, TaskRun and CustomRun have in common.

use std::borrow::Cow;
use std::ops::Deref;

use super::{run_name, vcs};
use crate::Timestamp;
use crate::builder::{Interval, SpanBuilder, SpanDraft};
use crate::change::Change;
use crate::object::{Condition, Object, Status, StepState};
use crate::outcome::Outcome;
use crate::span::{Attribute, Event, SpanType};
use crate::subject::Subject;

/// What the three differ in.
pub(super) trait Run {
    /// The type of the run's own span.
    const SPAN: SpanType;

    /// What the condition `Succeeded` of the run, or of one of its attempts with these steps, says.
    fn outcome<'a, S: Deref<Target = [StepState<'a>]>>(
        subject: &Subject<'a>,
        succeeded: &Condition<'a>,
        steps: impl FnOnce() -> S,
    ) -> Outcome;

    /// Name and attributes of the run's own span; `url` is where its trace can be looked at.
    fn own<'a>(subject: &Subject<'a>, url: Option<Cow<'a, str>>) -> (Cow<'a, str>, Vec<Attribute<'a>>);

    /// When its `finally` tasks began.
    fn finally_started(_status: &Status<'_>) -> Option<Timestamp> {
        None
    }

    /// What happened within it and has no instant of its own, so that it stands at the end; and how much more of it was left
    /// unread.
    fn events<'a>(_status: &'a Status<'a>, _end: Timestamp, _outcome: &Outcome) -> (Vec<Event<'a>>, usize) {
        (Vec::new(), 0)
    }
}

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

pub(super) fn observe<'a, R: Run>(builder: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
    let object = builder.subject.object;
    let ended = object.status.as_ref().and_then(Status::ended);
    match change {
        Change::Update(old) => {
            attempts::<R>(builder, old);
            if ends(old, object) {
                ended_run::<R>(builder);
            } else if ended.is_none() && released(old, object) {
                deleted_run::<R>(builder);
            }
        }
        Change::Delete(deletion) if ended.is_none() && !deletion.held && !builder.subject.metadata.held() => {
            deleted_run::<R>(builder);
        }
        Change::Delete(_) => {}
    }
}

fn ended_run<R: Run>(builder: &mut SpanBuilder<'_, '_>) {
    let Some(status) = &builder.subject.object.status else { return };
    let Some(succeeded) = status.ended() else { return };
    let Some(created) = builder.subject.metadata.created() else { return };
    let outcome = R::outcome(builder.subject, succeeded, || status.steps());
    // Controllers of custom tasks may leave completionTime out; the condition changed with this very transition.
    let told = status.completed().or_else(|| succeeded.changed());
    let interval = Interval::new(created, told.unwrap_or(builder.received)).received(told.is_none());
    write_run::<R>(builder, status, interval, &outcome);
}

fn deleted_run<R: Run>(builder: &mut SpanBuilder<'_, '_>) {
    let Some(created) = builder.subject.metadata.created() else { return };
    let none = Status::default();
    let status = builder.subject.object.status.as_ref();
    let interval = Interval::new(created, builder.received).received(true);
    match status {
        Some(status) => write_run::<R>(builder, status, interval, &Outcome::DELETED),
        None => write_run_alone::<R>(builder, &none, interval, &Outcome::DELETED),
    }
}

/// The run's own span and those that end with it.
fn write_run<'a, R: Run>(
    builder: &mut SpanBuilder<'_, 'a>,
    status: &'a Status<'a>,
    interval: Interval,
    outcome: &Outcome,
) {
    let past = status.retries();
    pending(builder, status, past.first().and_then(crate::object::Attempt::started), interval, outcome);
    if let Some(began) = R::finally_started(status).filter(|_| !interval.received) {
        part(builder, SpanType::Finally, Interval::new(began, interval.end).within(interval), Outcome::UNTOLD);
    }
    if let (false, Some(began)) = (past.is_empty(), status.started()) {
        let interval = Interval::new(began, interval.end).received(interval.received).within(interval);
        attempt(builder, past.len() + 1, interval, outcome.clone());
    }
    own::<R>(builder, interval, outcome, R::events(status, interval.end, outcome));
}

fn write_run_alone<'a, R: Run>(
    builder: &mut SpanBuilder<'_, 'a>,
    status: &Status<'a>,
    interval: Interval,
    outcome: &Outcome,
) {
    pending(builder, status, None, interval, outcome);
    own::<R>(builder, interval, outcome, (Vec::new(), 0));
}

/// From creation to the first attempt's start. `startTime` moves until the end, so it is read there.
fn pending(
    builder: &mut SpanBuilder<'_, '_>,
    status: &Status<'_>,
    first: Option<Timestamp>,
    run: Interval,
    outcome: &Outcome,
) {
    match first.or_else(|| status.started()) {
        Some(began) => {
            part(
                builder,
                SpanType::Pending,
                Interval::new(run.start, began.max(run.start)).within(run),
                Outcome::UNTOLD,
            );
        }
        None if run.received => part(builder, SpanType::Pending, run, outcome.clone()),
        None => {}
    }
}

/// A part of a run.
fn part(builder: &mut SpanBuilder<'_, '_>, what: SpanType, interval: Interval, outcome: Outcome) {
    builder.write_part(what, "", interval, outcome, Vec::new());
}

/// Attempts that failed and are tried again: each new entry of `retriesStatus`.
fn attempts<R: Run>(builder: &mut SpanBuilder<'_, '_>, old: &Object<'_>) {
    let Some(new) = &builder.subject.object.status else { return };
    if old.status.as_ref().is_some_and(|old| old.same_retries(new)) {
        return;
    }
    let known = old.status.as_ref().map_or(0, |old| old.retries().len());
    for (index, entry) in new.retries().iter().enumerate().skip(known) {
        let (Some(began), Some(ended)) = (entry.started(), entry.completed()) else { continue };
        let Some(succeeded) = entry.succeeded() else { continue };
        let outcome = R::outcome(builder.subject, succeeded, || entry.steps());
        let created = builder.subject.metadata.created().unwrap_or(began);
        let run = Interval::new(created, ended.max(created));
        attempt(builder, index + 1, Interval::new(began, ended).within(run), outcome);
    }
}

fn attempt(builder: &mut SpanBuilder<'_, '_>, n: usize, interval: Interval, outcome: Outcome) {
    let what = SpanType::Attempt;
    let attributes = vec![Attribute::new("tracestamp.attempt", i64::try_from(n).unwrap_or(i64::MAX))];
    let (span_id, parent) = (builder.below(what, &n.to_string()), Some(builder.own()));
    let name = Cow::Owned(format!("attempt {n}"));
    builder.write(SpanDraft { what, span_id, parent, name, interval, outcome, attributes, events: Vec::new() });
}

fn own<'a, R: Run>(
    builder: &mut SpanBuilder<'_, 'a>,
    interval: Interval,
    outcome: &Outcome,
    (events, unread): (Vec<Event<'a>>, usize),
) {
    let subject = builder.subject;
    let url = subject.config.trace_url.as_ref().map(|template| Cow::Owned(template.of(builder.identity.context)));
    let (name, own) = R::own(subject, url);
    let attributes = own.into_iter().chain(vcs::attributes(subject)).collect();
    let (what, span_id, parent) = (R::SPAN, builder.own(), builder.identity.parent);
    builder.write_own(
        SpanDraft { what, span_id, parent, name, interval, outcome: outcome.clone(), attributes, events },
        unread,
    );
}

/// Name and attributes of a task's run.
pub(super) fn of_task<'a>(
    subject: &Subject<'a>,
    url: Option<Cow<'a, str>>,
    definition: Option<Cow<'a, str>>,
) -> (Cow<'a, str>, Vec<Attribute<'a>>) {
    let task = run_name::task(subject);
    // A task of a Pipeline has its name on every span already.
    let alone = definition.clone().filter(|_| task.is_none());
    let attributes = [
        ("cicd.pipeline.task.run.id", subject.metadata.uid.as_deref().map(Cow::Borrowed)),
        ("cicd.pipeline.task.name", alone),
        ("cicd.pipeline.task.run.url.full", url),
    ];
    (task.or(definition).unwrap_or(Cow::Borrowed("RUN")), filled(attributes))
}

/// The attributes that have a value.
pub(super) fn filled<'a, const N: usize>(attributes: [(&'static str, Option<Cow<'a, str>>); N]) -> Vec<Attribute<'a>> {
    attributes.into_iter().filter_map(|(key, value)| Some(Attribute::new(key, value?))).collect()
}
