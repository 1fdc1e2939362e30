//! CustomRun.

use std::borrow::Cow;
use std::ops::Deref;

use super::outcome::of_custom_run;
use super::run::{self, Run};
use super::{GROUP, RUN_CARRIER, RUN_LABEL, RUN_UID_LABEL, describe_task, pipeline_run_name, run_name};
use crate::builder::{Description, SpanBuilder};
use crate::change::Change;
use crate::kind::ObjectKind;
use crate::object::{Condition, Object, Resource, StepState};
use crate::outcome::Outcome;
use crate::span::{Attribute, SpanType};
use crate::subject::{Relation, Subject};

const RESOURCE: &Resource = &Resource {
    group: GROUP,
    kind: "CustomRun",
    plural: "customruns",
    versions: &["v1beta1"],
    label: None,
    attribute_prefix: "tekton.customrun",
};

/// `tekton.dev` CustomRun.
#[derive(Debug)]
pub(in crate::kind) struct CustomRun;

impl ObjectKind for CustomRun {
    fn resource(&self) -> &'static Resource {
        RESOURCE
    }

    fn relation<'a>(&self, subject: &Subject<'a>) -> Relation<'a> {
        Relation {
            carrier: None,
            inherited_carrier: subject.labels.get(RUN_LABEL).map(|_| RUN_CARRIER),
            run: pipeline_run_name(subject),
            uid: subject.owner().and_then(|_| subject.labels.get_filled(RUN_UID_LABEL)),
            ancestor: None,
        }
    }

    fn describe<'a>(&self, subject: &Subject<'a>) -> Description<'a> {
        describe_task(subject, "customrun")
    }

    fn may_end(&self, old: &Object<'_>, new: &Object<'_>) -> bool {
        run::may_end(old, new)
    }

    fn observe<'a>(&self, spans: &mut SpanBuilder<'_, 'a>, change: &Change<'a>) {
        run::observe::<Self>(spans, change);
    }

    fn span_types(&self) -> &'static [SpanType] {
        &[SpanType::CustomRun, SpanType::Pending, SpanType::Attempt]
    }
}

impl Run for CustomRun {
    const SPAN: SpanType = SpanType::CustomRun;

    /// Its controller is anybody's, so none of its texts is recorded.
    fn outcome<'a, S: Deref<Target = [StepState<'a>]>>(
        _subject: &Subject<'a>,
        succeeded: &Condition<'a>,
        _steps: impl FnOnce() -> S,
    ) -> Outcome {
        of_custom_run(succeeded)
    }

    fn own<'a>(subject: &Subject<'a>, url: Option<Cow<'a, str>>) -> (Cow<'a, str>, Vec<Attribute<'a>>) {
        run::of_task(subject, url, run_name::definition_of_custom_task(subject))
    }
}
