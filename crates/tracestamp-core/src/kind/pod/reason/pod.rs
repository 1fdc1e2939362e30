//! Reasons for which a Pod is ended that are neither its containers' doing nor a deletion that a user asked for:
//! `status.reason`, and the reason of the condition DisruptionTarget.

use crate::reason::find;

const INFRASTRUCTURE: &str = "error";

/// Reason and `tracestamp.result`.
const POD_CAUSES: &[(&str, &str)] = &[
    // kubernetes `pkg/kubelet/eviction/eviction_manager.go`
    ("Evicted", INFRASTRUCTURE),
    // `pkg/kubelet/nodeshutdown/nodeshutdown_manager.go`, before 1.22 and since
    ("NodeShutdown", INFRASTRUCTURE),
    ("Shutdown", INFRASTRUCTURE),
    ("Terminated", INFRASTRUCTURE),
    // `pkg/kubelet/preemption/preemption.go`
    ("Preempting", INFRASTRUCTURE),
    // `pkg/util/node/node.go`
    ("NodeLost", INFRASTRUCTURE),
    // `pkg/kubelet/active_deadline.go`
    ("DeadlineExceeded", "timeout"),
    // core/v1 PodReason… of DisruptionTarget: `pkg/registry/core/pod/storage/eviction.go`,
    // `pkg/scheduler/framework/preemption`, `pkg/controller/tainteviction`, `pkg/controller/podgc`, kubelet
    ("EvictionByEvictionAPI", INFRASTRUCTURE),
    ("PreemptionByScheduler", INFRASTRUCTURE),
    ("DeletionByTaintManager", INFRASTRUCTURE),
    ("DeletionByPodGC", INFRASTRUCTURE),
    ("DeletionByDeviceTaintManager", INFRASTRUCTURE),
    ("TerminationByKubelet", INFRASTRUCTURE),
];

/// `tracestamp.result` and `error.type` of what ends with its Pod for this reason.
pub(in crate::kind) fn pod_cause(reason: &str) -> Option<(&'static str, &'static str)> {
    find(POD_CAUSES, reason).map(|(reason, result)| (result, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_reason_has_one_row() {
        crate::reason::assert_each_once(POD_CAUSES);
    }
}
