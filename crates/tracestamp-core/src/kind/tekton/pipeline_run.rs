//! PipelineRun.

use std::borrow::Cow;
use std::ops::Deref;

use super::outcome::of_run;
use super::run::{self, Run};
use super::{GROUP, RUN_CARRIER, RUN_UID_LABEL, pipeline_run_name, run_name};
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
    kind: "PipelineRun",
    plural: "pipelineruns",
    versions: &["v1", "v1beta1"],
    label: None,
    attribute_prefix: "tekton.pipelinerun",
};

/// `tekton.dev` PipelineRun.
#[derive(Debug)]
pub(in crate::kind) struct PipelineRun;

impl ObjectKind for PipelineRun {
    fn resource(&self) -> &'static Resource {
        RESOURCE
    }

    fn relation<'a>(&self, subject: &Subject<'a>) -> Relation<'a> {
        Relation {
            carrier: Some(RUN_CARRIER),
            inherited_carrier: Some(RUN_CARRIER),
            run: pipeline_run_name(subject).or(Some(Cow::Borrowed(subject.name()))),
            uid: subject.owner().and_then(|_| subject.labels.get_filled(RUN_UID_LABEL)),
            ancestor: None,
        }
    }

    fn describe<'a>(&self, subject: &Subject<'a>) -> Description<'a> {
        Description {
            run: subject.metadata.uid.as_deref().map(Cow::Borrowed),
            attributes: [
                ("pipelinerun", Some(Cow::Borrowed(subject.name()))),
                ("cicd.pipeline.task.name", run_name::task(subject)),
                ("", None),
                ("", None),
                ("", None),
            ],
        }
    }

    fn may_end(&self, old: &Object<'_>, new: &Object<'_>) -> bool {
        run::may_end(old, new)
    }

    fn observe<'a>(&self, spans: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
        run::observe::<Self>(spans, change);
    }

    fn span_types(&self) -> &'static [SpanType] {
        &[SpanType::PipelineRun, SpanType::Pending, SpanType::Finally]
    }
}

impl Run for PipelineRun {
    const SPAN: SpanType = SpanType::PipelineRun;

    fn outcome<'a, S: Deref<Target = [StepState<'a>]>>(
        subject: &Subject<'a>,
        succeeded: &Condition<'a>,
        _steps: impl FnOnce() -> S,
    ) -> Outcome {
        of_run(succeeded, subject.name(), &[])
    }

    fn own<'a>(subject: &Subject<'a>, url: Option<Cow<'a, str>>) -> (Cow<'a, str>, Vec<Attribute<'a>>) {
        let definition = run_name::definition_of_pipeline(subject);
        let name = definition.as_ref().map_or(Cow::Borrowed("RUN"), |of| Cow::Owned(format!("RUN {of}")));
        let parent = subject.owner().filter(|(_, kind)| *kind == RESOURCE);
        let attributes = [
            ("cicd.pipeline.run.id", subject.metadata.uid.as_deref().map(Cow::Borrowed)),
            ("cicd.pipeline.action.name", Some("RUN".into())),
            ("cicd.pipeline.name", definition),
            ("cicd.pipeline.run.url.full", url),
            ("tracestamp.parent.pipelinerun", parent.map(|(owner, _)| Cow::Borrowed(&*owner.name))),
        ];
        (name, run::filled(attributes))
    }

    fn finally_started(status: &Status<'_>) -> Option<Timestamp> {
        status.finally_started()
    }

    /// Skipped tasks.
    fn events<'a>(status: &'a Status<'a>, end: Timestamp, _outcome: &Outcome) -> (Vec<Event<'a>>, usize) {
        let skipped = status.skipped();
        let unread = skipped.left_out();
        let events = skipped.into_iter().map(|task| Event {
            time: end,
            name: Cow::Borrowed("task skipped"),
            attributes: vec![
                Attribute::new("cicd.pipeline.task.name", task.name.into_cow()),
                Attribute::new("cicd.pipeline.task.run.result", "skip"),
                Attribute::new("tracestamp.reason", task.reason.into_cow()),
            ],
        });
        (events.collect(), unread)
    }
}
