//! Container statuses of a Pod.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Text;
use super::braced::optional;
use super::scalar::integer;
use super::text::{raw_instant, string};
use crate::Timestamp;

/// `core/v1` ContainerStatus.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerStatus")]
pub struct ContainerStatus<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub state: Option<ContainerState<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    last_state: Option<LastState<'a>>,
    #[serde(default)]
    restart_count: i64,
    #[serde(borrow, rename = "imageID")]
    image_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "containerID")]
    container_id: Option<&'a RawValue>,
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

    /// How often the container was started again.
    pub fn restart_count(&self) -> i64 {
        self.restart_count
    }

    /// The first termination that this status tells of: the one before a restart when there was one, because Tekton
    /// stops a sidecar by restarting it as another image.
    pub fn first_end(&self) -> Option<&Terminated<'a>> {
        self.ended_before().or_else(|| self.terminated())
    }

    /// Every termination that this status tells of.
    pub fn ends(&self) -> impl Iterator<Item = &Terminated<'a>> {
        self.ended_before().into_iter().chain(self.terminated())
    }

    fn ended_before(&self) -> Option<&Terminated<'a>> {
        self.last_state.as_ref()?.terminated.as_deref()
    }

    /// The id of the container now, with the runtime's scheme in front.
    pub fn container_id(&self) -> Option<Cow<'a, str>> {
        string(self.container_id)
    }

    /// The image that the container was made of, by its digest or the runtime's own id.
    pub fn image_id(&self) -> Option<Cow<'a, str>> {
        string(self.image_id)
    }
}

/// `lastState`, empty until a container is started again.
#[derive(Debug, Deserialize)]
struct LastState<'a> {
    // Apart, because it is rarely there and every status would be as much larger.
    #[serde(borrow, default, deserialize_with = "optional")]
    terminated: Option<Box<Terminated<'a>>>,
}

/// `core/v1` ContainerState. A waiting container has neither of the two.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerState")]
pub struct ContainerState<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    pub running: Option<Running<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    pub terminated: Option<Terminated<'a>>,
}

/// `core/v1` ContainerStateRunning.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running<'a> {
    #[serde(borrow)]
    started_at: Option<&'a RawValue>,
}

impl Running<'_> {
    /// When the container was started, to the second.
    pub fn started(&self) -> Option<Timestamp> {
        raw_instant(self.started_at)
    }
}

/// `core/v1` ContainerStateTerminated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of core/v1 ContainerStateTerminated")]
pub struct Terminated<'a> {
    #[serde(default, deserialize_with = "exit_code")]
    pub exit_code: i64,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    started_at: Option<&'a RawValue>,
    #[serde(borrow)]
    finished_at: Option<&'a RawValue>,
    #[serde(borrow, rename = "containerID")]
    container_id: Option<&'a RawValue>,
}

fn exit_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(integer(deserializer)?.unwrap_or_default())
}

impl<'a> Terminated<'a> {
    /// The id of the container that ended, with the runtime's scheme in front.
    pub fn container_id(&self) -> Option<Cow<'a, str>> {
        string(self.container_id)
    }

    /// When the container was started, to the second; absent when it never was.
    pub fn started(&self) -> Option<Timestamp> {
        raw_instant(self.started_at)
    }

    /// When it ended, cut to the second; absent when that is not known (`ContainerStatusUnknown`).
    pub fn finished(&self) -> Option<Timestamp> {
        raw_instant(self.finished_at)
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
