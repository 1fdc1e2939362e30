//! Tekton's runs: PipelineRun, TaskRun and CustomRun (`tektoncd/pipeline` `pkg/apis/pipeline`).

mod custom_run;
mod outcome;
mod pipeline_run;
mod reason;
mod run;
mod run_name;
mod sentence;
mod task_run;
mod vcs;

use std::borrow::Cow;

use crate::builder::Description;
use crate::subject::Subject;

pub(super) use custom_run::CustomRun;
pub(super) use pipeline_run::PipelineRun;
pub(super) use task_run::TaskRun;

/// The API group.
const GROUP: &str = "tekton.dev";
pub(super) use pipeline_run::RESOURCE as PIPELINE_RUN;
pub(super) use task_run::RESOURCE as TASK_RUN;

/// The name of the PipelineRun above.
pub(super) const RUN_LABEL: &str = "tekton.dev/pipelineRun";
/// The uid of the PipelineRun above.
pub(super) const RUN_UID_LABEL: &str = "tekton.dev/pipelineRunUID";
/// The PipelineTask.
pub(super) const TASK_LABEL: &str = "tekton.dev/pipelineTask";

/// Tekton's JSON carrier of a PipelineRun.
pub(super) const RUN_CARRIER: &str = "tekton.dev/pipelinerunSpanContext";
/// Tekton's JSON carrier of a TaskRun.
pub(super) const TASK_RUN_CARRIER: &str = "tekton.dev/taskrunSpanContext";

/// The name of the PipelineRun that a child belongs to.
pub(super) fn pipeline_run_name<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let (owner, kind) = subject.owner()?;
    let is_run = kind == pipeline_run::RESOURCE;
    if is_run { Some(Cow::Borrowed(&*owner.name)) } else { subject.labels.get_filled(RUN_LABEL) }
}

/// The uid of the PipelineRun that a child belongs to.
pub(super) fn pipeline_run_uid<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let (owner, kind) = subject.owner()?;
    let owners = || (kind == pipeline_run::RESOURCE).then_some(Cow::Borrowed(&*owner.uid));
    subject.labels.get_filled(RUN_UID_LABEL).or_else(owners)
}

/// A label of the run above; an object that no run controls has it of another that it is copied from.
pub(super) fn inherited<'a>(subject: &Subject<'a>, label: &str) -> Option<Cow<'a, str>> {
    subject.labels.get_filled(label).filter(|_| subject.owner().is_some())
}

/// What a task's run says of itself, under the key of its own name.
fn describe_task<'a>(subject: &Subject<'a>, own: &'static str) -> Description<'a> {
    Description {
        run: pipeline_run_uid(subject),
        attributes: [
            ("pipelinerun", inherited(subject, RUN_LABEL)),
            (own, Some(Cow::Borrowed(subject.name()))),
            ("cicd.pipeline.task.name", run_name::task(subject)),
            ("", None),
            ("", None),
        ],
    }
}
