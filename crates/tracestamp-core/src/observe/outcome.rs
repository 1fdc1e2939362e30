//! What came of a run, an attempt or a container: result, error type and the text that may be told.
//!
//! Reasons are those of `tektoncd/pipeline` `pkg/apis/pipeline/v1/{pipelinerun,taskrun}_types.go`, `pkg/pod/status.go`
//! and of the kubelet. The lists are closed, so that `error.type` stays of low cardinality.

use std::borrow::Cow;

use crate::object::{Condition, StepState};
use crate::span::Status;
use crate::text::cut;

/// The longest failure text, in bytes.
const DESCRIPTION_LIMIT: usize = 256;

/// What came of something that ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Outcome {
    /// A value of `cicd.pipeline.result`.
    pub(super) result: &'static str,
    /// `error.type`, when it failed.
    pub(super) error: Option<&'static str>,
    /// What may be told about the failure.
    pub(super) description: String,
}

impl Outcome {
    pub(super) const SUCCESS: Self = Self { result: "success", error: None, description: String::new() };
    /// Nothing is said: a part of a run has no result of its own.
    pub(super) const UNTOLD: Self = Self { result: "", error: None, description: String::new() };
    /// A Pod that failed before its steps could: an init container with a span of its own, or the node, which the TaskRun
    /// tells.
    pub(super) const FAILED_BEFORE_STEPS: Self = Self { result: "error", error: None, description: String::new() };
    pub(super) const SKIPPED: Self = Self { result: "skip", error: None, description: String::new() };
    /// Deleted before its end.
    pub(super) const DELETED: Self =
        Self { result: "cancellation", error: Some("deleted"), description: String::new() };

    /// A failure of its own making.
    pub(super) fn failed(result: &'static str, error: &'static str, description: String) -> Self {
        Self { result, error: Some(error), description }
    }

    /// What a run's or attempt's condition `Succeeded` says; the steps tell what a plain `Failed` does not.
    pub(super) fn of(succeeded: &Condition<'_>, steps: impl FnOnce() -> Vec<String>) -> Self {
        if &*succeeded.status != "False" {
            return Self::SUCCESS;
        }
        let reason = succeeded.reason();
        let error = known(&RUN_REASONS, reason);
        let message = succeeded.message();
        let result = match reason {
            "Cancelled" | "PipelineRunCancelled" | "TaskRunCancelled" | "CustomRunCancelled" => "cancellation",
            "PipelineRunTimeout" | "TaskRunTimeout" | "CustomRunTimedOut" => "timeout",
            _ if INFRASTRUCTURE.contains(&reason) || told_by_node(&message) => "error",
            // Before Tekton 1.12 the reason is plain `Failed` whatever the cause.
            "Failed" if steps().iter().any(|reason| reason == "OOMKilled") => "error",
            _ => "failure",
        };
        Self { result, error: Some(error), description: description(reason, &message) }
    }

    pub(super) fn status<'a>(&self) -> Status<'a> {
        match self.error {
            Some(_) => Status::Error(Cow::Owned(self.description.clone())),
            None => Status::Unset,
        }
    }
}

/// The reasons of steps' terminations.
pub(super) fn step_reasons(steps: &[StepState<'_>]) -> Vec<String> {
    steps.iter().filter_map(|step| step.terminated.as_ref()).map(|end| end.reason().to_owned()).collect()
}

/// The reason if it is on the list, else OpenTelemetry's fallback.
fn known(list: &[&'static str], reason: &str) -> &'static str {
    list.iter().find(|known| **known == reason).copied().unwrap_or("_OTHER")
}

/// `error.type` of a container: the reason of its termination.
pub(super) fn container_error(reason: &str) -> &'static str {
    known(&CONTAINER_REASONS, reason)
}

/// An eviction or node failure, in the kubelet's words (`pkg/kubelet/eviction/helpers.go`, `pkg/kubelet/nodeshutdown`).
fn told_by_node(message: &str) -> bool {
    [
        "The node was low on resource",
        "Pod was terminated in response to imminent node shutdown",
        "The node had condition",
    ]
    .iter()
    .any(|words| message.starts_with(words))
}

/// The part of a failing condition's message that cannot quote users' values; empty when that is not certain.
fn description(reason: &str, message: &str) -> String {
    let told = match reason {
        "PipelineRunTimeout" | "TaskRunTimeout" => message.contains("failed to finish within"),
        "TaskRunImagePullFailed" | "PullImageFailed" | "PodEvicted" | "StepOOM" | "SidecarOOM" | "InitContainerOOM" => {
            true
        }
        _ => told_by_node(message),
    };
    bounded(if told { message } else { exit_code(message).unwrap_or_default() })
}

/// `"step-x" exited with code 3`, the one form of a failing step's message (`pkg/pod/status.go`); what follows is left
/// out.
fn exit_code(message: &str) -> Option<&str> {
    const WORDS: &str = "\" exited with code ";
    let named = message.strip_prefix('"')?;
    let at = named.find(WORDS).filter(|&at| named.bytes().take(at).all(|b| b.is_ascii_alphanumeric() || b == b'-'))?;
    let code = named.get(at + WORDS.len()..)?;
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    message.get(..1 + at + WORDS.len() + digits).filter(|_| digits > 0)
}

/// The text, bounded, without what follows a question mark in a URL: registries sign those.
fn bounded(text: &str) -> String {
    let mut parts = text.split('?');
    let mut told: Cow<'_, str> = Cow::Owned(parts.next().unwrap_or_default().to_owned());
    for part in parts {
        let end = part.find([' ', '"', '\'', '\n']).unwrap_or(part.len());
        told.to_mut().push_str(part.get(end..).unwrap_or_default());
    }
    cut(&mut told, DESCRIPTION_LIMIT);
    told.into_owned()
}

/// Reasons that are the cluster's fault and no user's.
const INFRASTRUCTURE: [&str; 15] = [
    "CouldntCreateWorkspacePVC",
    "CreateContainerConfigError",
    "CreateRunFailed",
    "ExceededNodeResources",
    "ExceededResourceQuota",
    "InitContainerOOM",
    "PodAdmissionFailed",
    "PodCreationFailed",
    "PodEvicted",
    "PullImageFailed",
    "ReasonCouldntCreateOrUpdateAffinityAssistantStatefulSet",
    "SidecarOOM",
    "StepOOM",
    "TaskRunImagePullFailed",
    "TaskRunStopSidecarFailed",
];

const RUN_REASONS: [&str; 52] = [
    "CELEvaluationFailed",
    "Cancelled",
    "CouldntCreateWorkspacePVC",
    "CouldntGetPipeline",
    "CouldntGetPipelineResult",
    "CouldntGetTask",
    "CreateContainerConfigError",
    "CreateRunFailed",
    "CustomRunCancelled",
    "CustomRunTimedOut",
    "CustomRunWorkspaceNotSupported",
    "ExceededNodeResources",
    "ExceededResourceQuota",
    "Failed",
    "FailureIgnored",
    "InitContainerFailed",
    "InitContainerOOM",
    "InternalError",
    "InvalidMatrixParameterTypes",
    "InvalidParamValue",
    "InvalidPipelineResourceBindings",
    "InvalidPipelineResultReference",
    "InvalidTaskResultReference",
    "InvalidTaskRunSpecs",
    "InvalidWorkspaceBindings",
    "ObjectParameterMissKeys",
    "ParamArrayIndexingInvalid",
    "ParameterMissing",
    "ParameterTypeMismatch",
    "PipelineInvalidGraph",
    "PipelineRunCancelled",
    "PipelineRunTimeout",
    "PipelineValidationFailed",
    "PodAdmissionFailed",
    "PodCreationFailed",
    "PodEvicted",
    "PullImageFailed",
    "ReasonCouldntCreateOrUpdateAffinityAssistantStatefulSet",
    "RequiredWorkspaceMarkedOptional",
    "ResourceVerificationFailed",
    "SidecarFailed",
    "SidecarOOM",
    "StepFailed",
    "StepOOM",
    "TaskRunCancelled",
    "TaskRunImagePullFailed",
    "TaskRunResolutionFailed",
    "TaskRunResultLargerThanAllowedLimit",
    "TaskRunStopSidecarFailed",
    "TaskRunTimeout",
    "TaskRunValidationFailed",
    "TaskValidationFailed",
];

const CONTAINER_REASONS: [&str; 14] = [
    "Cancelled",
    "Completed",
    "ContainerCannotRun",
    "ContainerStatusUnknown",
    "Continued",
    "CreateContainerError",
    "DeadlineExceeded",
    "Error",
    "Evicted",
    "NodeShutdown",
    "OOMKilled",
    "Skipped",
    "StartError",
    "TimeoutExceeded",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reason: &str, message: &str, steps: &[&str]) -> Outcome {
        let json = serde_json::json!({"type": "Succeeded", "status": "False", "reason": reason, "message": message});
        let json = json.to_string();
        let condition: Condition<'_> = serde_json::from_str(&json).unwrap();
        Outcome::of(&condition, || steps.iter().map(|&step| step.to_owned()).collect())
    }

    #[test]
    fn the_reason_decides_the_result() {
        for (reason, steps, result) in [
            ("Failed", &["Error"][..], "failure"),
            ("Failed", &["OOMKilled"], "error"),
            ("StepFailed", &[], "failure"),
            ("StepOOM", &[], "error"),
            ("PodEvicted", &[], "error"),
            ("TaskRunImagePullFailed", &[], "error"),
            ("TaskRunTimeout", &[], "timeout"),
            ("PipelineRunTimeout", &[], "timeout"),
            ("Cancelled", &[], "cancellation"),
            ("TaskRunCancelled", &[], "cancellation"),
            ("ParameterMissing", &[], "failure"),
            ("WhatNobodyKnows", &[], "failure"),
        ] {
            assert_eq!(of(reason, "", steps).result, result, "{reason}");
        }
        assert_eq!(of("Failed", "The node was low on resource: memory.", &[]).result, "error");
    }

    #[test]
    fn an_unknown_reason_is_other() {
        assert_eq!(of("WhatNobodyKnows", "", &[]).error, Some("_OTHER"));
        assert_eq!(of("Failed", "", &[]).error, Some("Failed"));
    }

    #[test]
    fn only_text_that_cannot_quote_users_values_is_told() {
        for (reason, message, told) in [
            ("Failed", "\"step-build\" exited with code 3: token=s3cret", "\"step-build\" exited with code 3"),
            ("Failed", "\"step-build s3cret\" exited with code 3", ""),
            ("Failed", "s3cret \"step-build\" exited with code 3", ""),
            ("InvalidParamValue", "param token has value s3cret", ""),
            ("TaskRunCancelled", "TaskRun \"x\" was cancelled. s3cret", ""),
            (
                "TaskRunTimeout",
                "TaskRun \"x\" failed to finish within \"10s\"",
                "TaskRun \"x\" failed to finish within \"10s\"",
            ),
        ] {
            assert_eq!(of(reason, message, &[]).description, told, "{message}");
        }
        assert_eq!(of("PodEvicted", &"é".repeat(500), &[]).description.len(), 256);
        let pulled = of("TaskRunImagePullFailed", "Get \"https://r/x?X-Signature=s3cret\": denied", &[]);
        assert_eq!(pulled.description, "Get \"https://r/x\": denied");
    }
}
