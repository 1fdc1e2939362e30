//! What a run is a run of: names of low cardinality, never a run's own name, which is different each time.
//!
//! Tekton copies all labels of a PipelineRun to its children, dashboards copy them to reruns, so a label is believed only
//! where Tekton sets it for this very object.

use std::borrow::Cow;

use super::pipeline_run;
use crate::object::{Reference, RunSpec, Text};
use crate::subject::Subject;
use crate::text::generated_name_root;

/// The name of the Pipeline that a PipelineRun runs. A child's label `tekton.dev/pipeline` is its parent's
/// (`pkg/reconciler/pipelinerun/pipelinerun.go` createChildPipelineRun): it is named by its PipelineTask.
pub(super) fn definition_of_pipeline<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let reference = RunSpec::parse(subject.object.spec).pipeline_ref;
    let name = if subject.owner().is_some() {
        reference_name(reference).or_else(|| task(subject))
    } else {
        referenced(subject, reference, "tekton.dev/pipeline").or_else(|| original(subject))
    };
    named(name, subject)
}

/// The name of the Task that a TaskRun runs.
pub(super) fn definition_of_task<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let reference = RunSpec::parse(subject.object.spec).task_ref;
    named(referenced(subject, reference, "tekton.dev/task"), subject)
}

/// The name of the custom task that a CustomRun runs.
pub(super) fn definition_of_custom_task<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    named(reference_name(RunSpec::parse(subject.object.spec).custom_ref), subject)
}

/// The PipelineTask that the object is a run of.
pub(super) fn task<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let (_, owner) = subject.owner()?;
    let of_pipeline = owner == pipeline_run::RESOURCE || subject.kind != pipeline_run::RESOURCE;
    subject.labels.get_filled(super::TASK_LABEL).filter(|_| of_pipeline)
}

/// The name in a reference; for one that a resolver follows Tekton writes what it found into a label. For an embedded
/// definition it writes the run's own name there, which a rerun has of the run before.
fn referenced<'a>(subject: &Subject<'a>, reference: Option<Reference<'a>>, label: &str) -> Option<Cow<'a, str>> {
    let resolved = reference.as_ref().and_then(|_| subject.labels.get_filled(label));
    reference_name(reference).or(resolved.filter(|name| **name != *subject.name()))
}

fn reference_name(reference: Option<Reference<'_>>) -> Option<Cow<'_, str>> {
    reference.and_then(|reference| reference.name).map(Text::into_cow)
}

/// The name in the repository of a run that Pipelines-as-Code created (`pkg/apis/pipelinesascode/keys/keys.go`).
fn original<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let key = "pipelinesascode.tekton.dev/original-prname";
    subject.annotations.get_filled(key).or_else(|| subject.labels.get_filled(key))
}

/// A name, else what the object's own is generated from.
fn named<'a>(name: Option<Cow<'a, str>>, subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let generated = || subject.metadata.generate_name.as_deref().map(|name| Cow::Borrowed(generated_name_root(name)));
    name.or_else(generated).filter(|name| !name.is_empty())
}
