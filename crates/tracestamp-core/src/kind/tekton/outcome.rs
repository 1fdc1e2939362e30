//! What came of a run or an attempt.

use std::borrow::Cow;

use super::reason::run_reason;
use super::sentence::{self, Known};
use crate::object::{Condition, StepState};
use crate::outcome::Outcome;
use crate::text::cut;

/// The longest failure text, in bytes.
const DESCRIPTION_LIMIT: usize = 256;

/// What the condition `Succeeded` of the object called `object`, or of one of its attempts, says. `steps` are those of
/// the same attempt: before Tekton 1.12 the reason is `Failed` whatever the cause, and they or the message show it.
pub(super) fn of_run(succeeded: &Condition<'_>, object: &str, steps: &[StepState<'_>]) -> Outcome {
    if &*succeeded.status != "False" {
        return Outcome::SUCCESS;
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
    Outcome { result, error: Some(reason.error), description: description.into_owned() }
}

/// The same of a CustomRun, whose controller writes what it likes.
pub(super) fn of_custom_run(succeeded: &Condition<'_>) -> Outcome {
    if &*succeeded.status != "False" {
        return Outcome::SUCCESS;
    }
    let reason = run_reason(succeeded.reason());
    Outcome::failed(reason.result, reason.error, String::new())
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
        of_run(&serde_json::from_str(&condition).unwrap(), "app", &steps)
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
        let outcome = of_custom_run(&serde_json::from_str(json).unwrap());
        assert_eq!((outcome.result, outcome.error, &*outcome.description), ("failure", Some("Failed"), ""));
    }
}
