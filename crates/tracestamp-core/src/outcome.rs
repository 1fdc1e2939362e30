//! What came of a run, an attempt or a container: result, error type and the text that may be recorded.

use std::borrow::Cow;

use crate::span::Status;

/// What came of something that ended.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    /// A value of `cicd.pipeline.result`.
    pub(crate) result: &'static str,
    /// `error.type`, when it failed.
    pub(crate) error: Option<&'static str>,
    /// What may be recorded about the failure.
    pub(crate) description: String,
}

impl Outcome {
    pub(crate) const SUCCESS: Self = Self { result: "success", error: None, description: String::new() };
    /// No result attribute: parts of a run have none.
    pub(crate) const UNTOLD: Self = Self { result: "", error: None, description: String::new() };
    /// A Pod that failed before its steps could: an init container with a span of its own, or the node, which the TaskRun
    /// shows.
    pub(crate) const FAILED_BEFORE_STEPS: Self = Self { result: "error", error: None, description: String::new() };
    pub(crate) const SKIPPED: Self = Self { result: "skip", error: None, description: String::new() };
    /// Deleted before its end.
    pub(crate) const DELETED: Self =
        Self { result: "cancellation", error: Some("deleted"), description: String::new() };

    /// A failure of its own making.
    pub(crate) fn failed(result: &'static str, error: &'static str, description: String) -> Self {
        Self { result, error: Some(error), description }
    }

    pub(crate) fn status<'a>(&self) -> Status<'a> {
        match self.error {
            Some(_) => Status::Error(Cow::Owned(self.description.clone())),
            None => Status::Unset,
        }
    }
}
