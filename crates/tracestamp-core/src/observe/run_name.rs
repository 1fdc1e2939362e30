//! What a run is a run of: names of low cardinality, never a run's own name, which is different each time.
//!
//! Tekton copies all labels of a PipelineRun to its children, dashboards copy them to reruns, so a label is believed only
//! where Tekton sets it for this very object.

use std::borrow::Cow;

use crate::object::{Kind, RunSpec, Text};
use crate::subject::Subject;
use crate::text::generated_name_root;

/// The name of the definition that the object runs.
pub(super) fn definition<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let spec = RunSpec::parse(subject.object.spec);
    let (reference, label) = match subject.kind {
        Kind::PipelineRun => (spec.pipeline_ref, "tekton.dev/pipeline"),
        Kind::TaskRun => (spec.task_ref, "tekton.dev/task"),
        _ => (spec.custom_ref, ""),
    };
    let is_pipeline_run = subject.kind == Kind::PipelineRun;
    let is_child = subject.owner().is_some();
    // For a reference that a resolver finds, Tekton writes what it found there; for an embedded definition the run's own
    // name, which a rerun has of the run before. A child PipelineRun has its parent's
    // (`pkg/reconciler/pipelinerun/pipelinerun.go` createChildPipelineRun).
    let resolved = reference.is_some() && !(is_pipeline_run && is_child);
    let resolved = resolved.then(|| subject.labels.get_filled(label)).flatten();
    let name = reference.and_then(|reference| reference.name).map(Text::into_cow);
    let own_task = || task(subject).filter(|_| is_pipeline_run);
    name.or(resolved.filter(|name| **name != *subject.name()))
        .or_else(own_task)
        .or_else(|| original(subject).filter(|_| is_pipeline_run && !is_child))
        .or_else(|| subject.metadata.generate_name.as_deref().map(|name| Cow::Borrowed(generated_name_root(name))))
        .filter(|name| !name.is_empty())
}

/// The PipelineTask that the object is a run of.
pub(super) fn task<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let (_, owner) = subject.owner()?;
    let of_pipeline = owner == Kind::PipelineRun || subject.kind != Kind::PipelineRun;
    subject.labels.get_filled("tekton.dev/pipelineTask").filter(|_| of_pipeline)
}

/// The name in the repository of a run that Pipelines-as-Code created (`pkg/apis/pipelinesascode/keys/keys.go`).
fn original<'a>(subject: &Subject<'a>) -> Option<Cow<'a, str>> {
    let key = "pipelinesascode.tekton.dev/original-prname";
    subject.annotations.get_filled(key).or_else(|| subject.labels.get_filled(key))
}
