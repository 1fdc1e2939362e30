//! TaskRun.

use std::borrow::Cow;
use std::ops::Deref;

use super::outcome::of_run;
use super::run::{self, Run};
use super::{
    GROUP, RUN_CARRIER, RUN_LABEL, RUN_UID_LABEL, TASK_RUN_CARRIER, describe_task, pipeline_run_name, run_name,
};
use crate::Timestamp;
use crate::builder::{Description, SpanBuilder};
use crate::change::Change;
use crate::kind::ObjectKind;
use crate::object::{Condition, Object, Resource, Status, StepState};
use crate::outcome::Outcome;
use crate::span::{Attribute, Event, SpanType};
use crate::subject::{Relation, Subject};

pub(in crate::kind) const RESOURCE: &Resource = &Resource {
    group: GROUP,
    kind: "TaskRun",
    plural: "taskruns",
    versions: &["v1", "v1beta1"],
    label: None,
    attribute_prefix: "tekton.taskrun",
};

/// `tekton.dev` TaskRun.
#[derive(Debug)]
pub(in crate::kind) struct TaskRun;

impl ObjectKind for TaskRun {
    fn resource(&self) -> &'static Resource {
        RESOURCE
    }

    fn relation<'a>(&self, subject: &Subject<'a>) -> Relation<'a> {
        // `taskrunSpanContext` on a child of a PipelineRun may be Tekton's own trace.
        let inherited_carrier = match subject.owner() {
            None => Some(TASK_RUN_CARRIER),
            Some(_) => subject.labels.get(RUN_LABEL).map(|_| RUN_CARRIER),
        };
        Relation {
            carrier: Some(TASK_RUN_CARRIER),
            inherited_carrier,
            run: pipeline_run_name(subject),
            uid: subject.owner().and_then(|_| subject.labels.get_filled(RUN_UID_LABEL)),
            ancestor: None,
        }
    }

    fn describe<'a>(&self, subject: &Subject<'a>) -> Description<'a> {
        describe_task(subject, "taskrun")
    }

    fn may_end(&self, old: &Object<'_>, new: &Object<'_>) -> bool {
        run::may_end(old, new)
    }

    fn observe<'a>(&self, spans: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
        run::observe::<Self>(spans, change);
    }

    fn span_types(&self) -> &'static [SpanType] {
        &[SpanType::TaskRun, SpanType::Pending, SpanType::Attempt]
    }
}

impl Run for TaskRun {
    const SPAN: SpanType = SpanType::TaskRun;

    fn outcome<'a, S: Deref<Target = [StepState<'a>]>>(
        subject: &Subject<'a>,
        succeeded: &Condition<'a>,
        steps: impl FnOnce() -> S,
    ) -> Outcome {
        if &*succeeded.status == "False" { of_run(succeeded, subject.name(), &steps()) } else { Outcome::SUCCESS }
    }

    fn own<'a>(subject: &Subject<'a>, url: Option<Cow<'a, str>>) -> (Cow<'a, str>, Vec<Attribute<'a>>) {
        run::of_task(subject, url, run_name::definition_of_task(subject))
    }

    /// The step states that Tekton invents on cancel and timeout (TEP-0136).
    fn events<'a>(status: &'a Status<'a>, end: Timestamp, outcome: &Outcome) -> (Vec<Event<'a>>, usize) {
        if !matches!(outcome.result, "cancellation" | "timeout") {
            return (Vec::new(), 0);
        }
        let invented = |step: StepState<'a>| {
            let terminated = step.terminated?;
            let reason = step.termination_reason.or(terminated.reason).unwrap_or_default();
            matches!(&*reason, "TaskRunCancelled" | "TaskRunTimeout").then(|| Event {
                time: end,
                name: Cow::Borrowed("step terminated"),
                attributes: vec![
                    Attribute::new("tracestamp.step.name", step.name.into_cow()),
                    Attribute::new("process.exit.code", terminated.exit_code),
                    Attribute::new("tracestamp.reason", reason.into_cow()),
                ],
            })
        };
        (status.steps().into_iter().filter_map(invented).collect(), 0)
    }
}
