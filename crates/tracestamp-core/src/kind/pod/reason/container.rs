//! Reasons of terminated containers: `state.terminated.reason`, and what Tekton's entrypoint says in its place.

use crate::reason::{OTHER, find};

/// What a reason says beyond the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::kind) enum ContainerCause {
    /// Nothing: the exit code decides.
    Exit,
    /// The kernel killed a process for memory, not always the one whose exit code is shown.
    OutOfMemory,
    /// The node or the runtime.
    Infrastructure,
    /// The kubelet or the runtime lost the container; why depends on the Pod.
    Lost,
    /// A step before it failed.
    Skipped,
    /// The run was cancelled while its Pod was kept.
    Cancelled,
    /// The step's own `timeout`.
    TimedOut,
    /// It failed, and `onError: continue` says that this is no failure of its Task.
    Continued,
}

use ContainerCause::{Cancelled, Continued, Exit, Infrastructure, Lost, OutOfMemory, Skipped, TimedOut};

const CONTAINER_REASONS: &[(&str, ContainerCause)] = &[
    // containerd `internal/cri/server/events.go`, CRI-O `server/container_status.go`
    ("Completed", Exit),
    ("Error", Exit),
    ("OOMKilled", OutOfMemory),
    ("seccomp killed", Exit),
    // containerd: the container's task was gone when the runtime came back, with exit code 255
    ("Unknown", Infrastructure),
    ("StartError", Infrastructure),
    // dockershim and cri-dockerd
    ("ContainerCannotRun", Infrastructure),
    // kubernetes `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/status_manager.go`
    ("ContainerStatusUnknown", Lost),
    ("RestartingAllContainers", Exit),
    ("DeadlineExceeded", TimedOut),
    ("Evicted", Infrastructure),
    ("NodeShutdown", Infrastructure),
    // tektoncd/pipeline `pkg/pod/status.go` TerminationReason…, `pkg/entrypoint/entrypointer.go`
    ("Skipped", Skipped),
    ("Cancelled", Cancelled),
    ("TimeoutExceeded", TimedOut),
    ("Continued", Continued),
];

/// `error.type` and cause of a reason.
pub(in crate::kind) fn container_reason(reason: &str) -> (&'static str, ContainerCause) {
    find(CONTAINER_REASONS, reason).unwrap_or((OTHER, Exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_reason_has_one_row() {
        crate::reason::assert_each_once(CONTAINER_REASONS);
    }
}
