//! When a container ran, as its status before and after its end shows.

use crate::Timestamp;
use crate::kind::pod::view::End;
use crate::object::{ContainerStatus, Terminated};

/// The kubelet's words about a container whose end it missed (`pkg/kubelet/kubelet_pods.go` convertToAPIContainerStatuses).
const USED_TO_RUN: &str = "The container used to be Running";

/// The three ways in which a container's first life ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Life {
    /// The runtime could not start it (`startedAt` of 1970), or it was waiting until its Pod ended (no times).
    NeverStarted { end: End },
    /// It ran, and both times are known.
    Ran { started: Timestamp, finished: Timestamp },
    /// It ran, and the runtime no longer knows how it ended: after a reboot, or a force deletion.
    Lost { started: Option<Timestamp>, end: End },
}

impl Life {
    /// `was` is the status before, `unknown` the end where the status shows none.
    pub(super) fn new(was: Option<&ContainerStatus<'_>>, end: &Terminated<'_>, unknown: End) -> Self {
        let running = was.and_then(ContainerStatus::running);
        let started = end.started().or_else(|| running?.started());
        match (started, end.finished()) {
            (Some(started), Some(finished)) => Self::Ran { started, finished },
            (None, Some(at)) => Self::NeverStarted { end: End { at, received: false } },
            (started, None) if started.is_some() || running.is_some() || end.message().ends_with(USED_TO_RUN) => {
                Self::Lost { started, end: unknown }
            }
            (_, None) => Self::NeverStarted { end: unknown },
        }
    }
}
