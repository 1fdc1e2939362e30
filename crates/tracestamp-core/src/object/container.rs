//! Container statuses of a Pod.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Text;
use super::text::{instant, string};
use crate::Timestamp;

/// `core/v1` ContainerStatus.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerStatus")]
pub struct ContainerStatus<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub state: Option<ContainerState<'a>>,
    #[serde(borrow)]
    pub last_state: Option<ContainerState<'a>>,
    #[serde(borrow, rename = "imageID")]
    pub image_id: Option<Text<'a>>,
    #[serde(borrow, rename = "containerID")]
    pub container_id: Option<Text<'a>>,
}

impl<'a> ContainerStatus<'a> {
    /// How the container is terminated now.
    pub fn terminated(&self) -> Option<&Terminated<'a>> {
        self.state.as_ref().and_then(|state| state.terminated.as_ref())
    }

    /// How the container is running now.
    pub fn running(&self) -> Option<&Running<'a>> {
        self.state.as_ref().and_then(|state| state.running.as_ref())
    }

    /// The first termination that this status tells of: the one before a restart when there was one, because Tekton
    /// stops a sidecar by restarting it as another image.
    pub fn first_end(&self) -> Option<&Terminated<'a>> {
        self.last_state.as_ref().and_then(|state| state.terminated.as_ref()).or_else(|| self.terminated())
    }

    /// Every termination that this status tells of.
    pub fn ends(&self) -> impl Iterator<Item = &Terminated<'a>> {
        self.last_state.iter().chain(&self.state).filter_map(|state| state.terminated.as_ref())
    }
}

/// `core/v1` ContainerState. A waiting container has neither of the two.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerState")]
pub struct ContainerState<'a> {
    #[serde(borrow)]
    pub running: Option<Running<'a>>,
    #[serde(borrow)]
    pub terminated: Option<Terminated<'a>>,
}

/// `core/v1` ContainerStateRunning.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running<'a> {
    #[serde(borrow)]
    started_at: Option<Text<'a>>,
}

impl Running<'_> {
    /// When the container was started, to the second.
    pub fn started(&self) -> Option<Timestamp> {
        instant(self.started_at.as_ref())
    }
}

/// `core/v1` ContainerStateTerminated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerStateTerminated")]
pub struct Terminated<'a> {
    #[serde(default)]
    pub exit_code: i64,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    started_at: Option<Text<'a>>,
    #[serde(borrow)]
    finished_at: Option<Text<'a>>,
    #[serde(borrow, rename = "containerID")]
    pub container_id: Option<Text<'a>>,
}

impl<'a> Terminated<'a> {
    /// When the container was started, to the second; absent when it never was.
    pub fn started(&self) -> Option<Timestamp> {
        instant(self.started_at.as_ref())
    }

    /// When it ended, cut to the second; absent when that is not known (`ContainerStatusUnknown`).
    pub fn finished(&self) -> Option<Timestamp> {
        instant(self.finished_at.as_ref())
    }

    /// The reason, empty when there is none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// The termination message.
    pub fn message(&self) -> Cow<'a, str> {
        string(self.message).unwrap_or_default()
    }
}
