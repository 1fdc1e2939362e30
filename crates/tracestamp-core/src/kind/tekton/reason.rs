//! Reasons of the condition `Succeeded` with which runs end, of Tekton 0.59 to 1.15: `tektoncd/pipeline`
//! `pkg/apis/pipeline/v1/{pipelinerun,taskrun}_types.go`, `pkg/apis/pipeline/v1beta1/customrun_types.go`, `pkg/pod/status.go`
//! and the reconcilers in `pkg/reconciler`.

use crate::reason::{OTHER, find};

/// A reason of the table, or the fallback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::kind) struct RunReason {
    /// `error.type`.
    pub(in crate::kind) error: &'static str,
    /// A value of `cicd.pipeline.result`.
    pub(in crate::kind) result: &'static str,
    /// The reason is the same for many causes: message and steps may say more.
    pub(in crate::kind) is_general: bool,
}

/// Whose doing it was.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// The user's or the definition's.
    User,
    /// The cluster's, or that of what Tekton adds to the Pod.
    Infrastructure,
    Cancelled,
    TimedOut,
    /// As the message or the steps say, else this result.
    Message(&'static str),
}

use Cause::{Cancelled, Infrastructure, Message, TimedOut, User};

const RUN_REASONS: &[(&str, Cause)] = &[
    ("CELEvaluationFailed", User),
    ("Cancelled", Cancelled),
    ("CouldntCreateWorkspacePVC", Infrastructure),
    ("CouldntGetPipeline", User),
    ("CouldntGetPipelineResult", User),
    ("CouldntGetTask", User),
    ("CreateContainerConfigError", Infrastructure),
    ("CreateRunFailed", User),
    ("CustomRunCancelled", Cancelled),
    ("CustomRunTimedOut", TimedOut),
    ("CustomRunWorkspaceNotSupported", User),
    ("ExceededNodeResources", Infrastructure),
    ("ExceededResourceQuota", Infrastructure),
    ("Failed", Message("failure")),
    ("FailureIgnored", Message("failure")),
    ("InitContainerFailed", Infrastructure),
    ("InitContainerOOM", Infrastructure),
    ("InternalError", User),
    ("InvalidMatrixParameterTypes", User),
    ("InvalidParamValue", User),
    ("InvalidPipelineResourceBindings", User),
    ("InvalidPipelineResultReference", User),
    ("InvalidTaskResultReference", User),
    ("InvalidTaskRunSpecs", User),
    ("InvalidWorkspaceBindings", User),
    ("ObjectParameterMissKeys", User),
    ("ParamArrayIndexingInvalid", User),
    ("ParameterMissing", User),
    ("ParameterTypeMismatch", User),
    ("PipelineInvalidGraph", User),
    ("PipelineRunCancelled", Cancelled),
    ("PipelineRunTimeout", TimedOut),
    ("PipelineValidationFailed", User),
    ("PodAdmissionFailed", Infrastructure),
    ("PodCreationFailed", Infrastructure),
    ("PodEvicted", Infrastructure),
    ("PullImageFailed", Infrastructure),
    ("ReasonCouldntCreateOrUpdateAffinityAssistantStatefulSet", Infrastructure),
    ("RequiredWorkspaceMarkedOptional", User),
    ("ResourceVerificationFailed", User),
    ("SidecarFailed", User),
    ("SidecarOOM", Infrastructure),
    ("StepFailed", Message("failure")),
    ("StepOOM", Infrastructure),
    ("TaskRunCancelled", Message("cancellation")),
    ("TaskRunImagePullFailed", Infrastructure),
    ("TaskRunResolutionFailed", User),
    ("TaskRunResultLargerThanAllowedLimit", User),
    ("TaskRunStopSidecarFailed", Infrastructure),
    ("TaskRunTimeout", TimedOut),
    ("TaskRunValidationFailed", User),
    ("TaskValidationFailed", User),
];

/// What a reason says; one that is not known is a controller's own, and its user's.
pub(in crate::kind) fn run_reason(reason: &str) -> RunReason {
    let (error, cause) = find(RUN_REASONS, reason).unwrap_or((OTHER, User));
    let (result, is_general) = match cause {
        User => ("failure", false),
        Infrastructure => ("error", false),
        Cancelled => ("cancellation", false),
        TimedOut => ("timeout", false),
        Message(result) => (result, true),
    };
    RunReason { error, result, is_general }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_reason_has_one_row() {
        crate::reason::assert_each_once(RUN_REASONS);
    }
}
