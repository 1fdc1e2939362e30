//! What came of a run, an attempt or a container: result, error type and the text that may be recorded.

use std::borrow::Cow;

use super::reason::run_reason;
use super::sentence::{self, Known};
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
    /// What may be recorded about the failure.
    pub(super) description: String,
}

impl Outcome {
    pub(super) const SUCCESS: Self = Self { result: "success", error: None, description: String::new() };
    /// No result attribute: parts of a run have none.
    pub(super) const UNTOLD: Self = Self { result: "", error: None, description: String::new() };
    /// A Pod that failed before its steps could: an init container with a span of its own, or the node, which the TaskRun
    /// shows.
    pub(super) const FAILED_BEFORE_STEPS: Self = Self { result: "error", error: None, description: String::new() };
    pub(super) const SKIPPED: Self = Self { result: "skip", error: None, description: String::new() };
    /// Deleted before its end.
    pub(super) const DELETED: Self =
        Self { result: "cancellation", error: Some("deleted"), description: String::new() };

    /// A failure of its own making.
    pub(super) fn failed(result: &'static str, error: &'static str, description: String) -> Self {
        Self { result, error: Some(error), description }
    }

    /// What the condition `Succeeded` of the object called `object`, or of one of its attempts, says. `steps` are those of
    /// the same attempt: before Tekton 1.12 the reason is `Failed` whatever the cause, and they or the message show it.
    pub(super) fn of_run(succeeded: &Condition<'_>, object: &str, steps: &[StepState<'_>]) -> Self {
        if &*succeeded.status != "False" {
            return Self::SUCCESS;
        }
        let reason = run_reason(succeeded.reason());
        let message = succeeded.message();
        let sentence = sentence::read(&message, Known { object, steps });
        let out_of_memory =
            || steps.iter().filter_map(|step| step.terminated.as_ref()).any(|end| end.reason() == "OOMKilled");
        let result = match sentence.as_ref().and_then(|(_, sentence)| sentence.result) {
            Some(result) if reason.is_general => result,
            _ if reason.is_general && out_of_memory() => "error",
            _ => reason.result,
        };
        let mut description = Cow::Borrowed(sentence.map_or("", |(text, _)| text));
        cut(&mut description, DESCRIPTION_LIMIT);
        Self { result, error: Some(reason.error), description: description.into_owned() }
    }

    /// The same of a CustomRun: its controller is anybody's, so none of its texts is recorded.
    pub(super) fn of_custom_run(succeeded: &Condition<'_>) -> Self {
        if &*succeeded.status != "False" {
            return Self::SUCCESS;
        }
        let reason = run_reason(succeeded.reason());
        Self::failed(reason.result, reason.error, String::new())
    }

    pub(super) fn status<'a>(&self) -> Status<'a> {
        match self.error {
            Some(_) => Status::Error(Cow::Owned(self.description.clone())),
            None => Status::Unset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reason: &str, message: &str, step_reasons: &[&str]) -> Outcome {
        let condition =
            serde_json::json!({"type": "Succeeded", "status": "False", "reason": reason, "message": message});
        let condition = condition.to_string();
        let steps =
            step_reasons.iter().map(|reason| serde_json::json!({"name": "unit", "terminated": {"reason": reason}}));
        let steps = steps.collect::<serde_json::Value>().to_string();
        let steps: Vec<StepState<'_>> = serde_json::from_str(&steps).unwrap();
        Outcome::of_run(&serde_json::from_str(&condition).unwrap(), "app", &steps)
    }

    #[test]
    fn the_reason_decides_the_result() {
        for (reason, steps, result) in [
            ("Failed", &["Error"][..], "failure"),
            ("Failed", &["OOMKilled"], "error"),
            ("FailureIgnored", &["OOMKilled"], "error"),
            ("StepFailed", &[], "failure"),
            ("StepOOM", &[], "error"),
            ("PodEvicted", &[], "error"),
            ("InitContainerFailed", &[], "error"),
            ("TaskRunImagePullFailed", &[], "error"),
            ("TaskRunTimeout", &[], "timeout"),
            ("PipelineRunTimeout", &[], "timeout"),
            ("Cancelled", &[], "cancellation"),
            ("TaskRunCancelled", &[], "cancellation"),
            ("ParameterMissing", &[], "failure"),
            ("CreateRunFailed", &[], "failure"),
            ("WhatNobodyKnows", &[], "failure"),
        ] {
            assert_eq!(of(reason, "", steps).result, result, "{reason}");
        }
    }

    #[test]
    fn a_general_reason_leaves_the_result_to_the_message() {
        for (reason, message, result) in [
            ("Failed", "The node was low on resource: memory. ", "error"),
            ("Failed", "init container failed, \"prepare\" exited with code 255", "error"),
            ("Failed", "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match", "error"),
            ("Failed", "\"step-unit\" exited because the step exceeded the specified timeout limit", "timeout"),
            ("StepFailed", "\"step-unit\" exited because the step exceeded the specified timeout limit", "timeout"),
            ("Failed", "\"step-unit\" exited with code 1", "failure"),
            (
                "TaskRunCancelled",
                "TaskRun \"app\" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has timed out.",
                "timeout",
            ),
            // A reason that says more than the message.
            ("InvalidParamValue", "The node was low on resource: memory. ", "failure"),
        ] {
            assert_eq!(of(reason, message, &["Error"]).result, result, "{reason} {message}");
        }
    }

    #[test]
    fn an_unknown_reason_is_other() {
        assert_eq!(of("WhatNobodyKnows", "", &[]).error, Some("_OTHER"));
        assert_eq!(of("Failed", "", &[]).error, Some("Failed"));
    }

    #[test]
    fn only_the_sentence_of_a_message_is_recorded() {
        for (reason, message, recorded) in [
            ("Failed", "\"step-unit\" exited with code 3: token=s3cret", "\"step-unit\" exited with code 3"),
            ("Failed", "\"step-unit\" exited with code -1073741510", "\"step-unit\" exited with code -1073741510"),
            ("Failed", "\"step-unit s3cret\" exited with code 3", ""),
            ("Failed", "s3cret \"step-unit\" exited with code 3", ""),
            ("InvalidParamValue", "param token has value s3cret", ""),
            ("PodEvicted", "s3cret", ""),
            ("TaskRunCancelled", "TaskRun \"app\" was cancelled. s3cret", "TaskRun \"app\" was cancelled."),
            (
                "TaskRunTimeout",
                "TaskRun \"app\" failed to finish within \"10s\"\nPrevious status: [Failed] s3cret",
                "TaskRun \"app\" failed to finish within \"10s\"",
            ),
            (
                "TaskRunImagePullFailed",
                "the step \"unit\" in TaskRun \"app\" failed to pull the image \"bot:s3cret@r/x\". The pod …",
                "the step \"unit\" in TaskRun \"app\" failed to pull the image",
            ),
        ] {
            assert_eq!(of(reason, message, &["Error"]).description, recorded, "{message}");
        }
    }

    #[test]
    fn nothing_of_a_custom_runs_message_is_recorded() {
        let json = r#"{"type": "Succeeded", "status": "False", "reason": "Failed", "message": "OOMKilled"}"#;
        let outcome = Outcome::of_custom_run(&serde_json::from_str(json).unwrap());
        assert_eq!((outcome.result, outcome.error, &*outcome.description), ("failure", Some("Failed"), ""));
    }
}
