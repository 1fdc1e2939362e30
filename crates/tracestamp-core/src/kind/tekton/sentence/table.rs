//! Every sentence, a longer one before one that it begins with.

use super::Sentence;

const ERROR: Option<&str> = Some("error");
const TIMEOUT: Option<&str> = Some("timeout");

const fn row(pattern: &'static str, result: Option<&'static str>) -> Sentence {
    Sentence { pattern, result }
}

/// The table. Sources: `tektoncd/pipeline` 0.59 to 1.15, `kubernetes/kubernetes` 1.25 to 1.36.
pub(in crate::kind) static SENTENCES: &[Sentence] = &[
    // `pkg/reconciler/taskrun/taskrun.go` checkTimeout, failTaskRun; since 1.13 appendPreviousConditionContext puts the
    // message of the condition before behind them, and a user's `spec.statusMessage` follows a cancellation.
    row(r#"TaskRun "{object}" failed to finish within "{duration}""#, TIMEOUT),
    row(
        r#"TaskRun "{object}" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has timed out."#,
        TIMEOUT,
    ),
    row(
        r#"TaskRun "{object}" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has been cancelled."#,
        None,
    ),
    row(r#"TaskRun "{object}" was cancelled."#, None),
    // `pkg/pod/status.go` getFailureMessage, getFailureInfo, extractContainerFailureMessage
    row(r#""{step}" exited because the step exceeded the specified timeout limit"#, TIMEOUT),
    row(r#""{step}" exited with code {integer}"#, None),
    row(r#""sidecar-{name}" exited with code {integer}"#, None),
    row(r#"init container failed, "sidecar-{name}" exited with code {integer}"#, None),
    row(r#"init container failed, "{name}" exited with code {integer}"#, ERROR),
    row("OOMKilled", ERROR),
    row("build failed for unspecified reasons.", None),
    row("Failed to create pod due to config error", ERROR),
    // `pkg/reconciler/taskrun/taskrun.go` checkPodFailed, handlePodCreationError: images, the runtime's and the API
    // server's texts follow.
    row(r#"the step "{task_step}" in TaskRun "{object}" failed to pull the image"#, ERROR),
    row(r#"the step "{task_step}" in TaskRun "{object}" failed to start."#, ERROR),
    row(r#"the sidecar "{name}" in TaskRun "{object}" failed to pull the image"#, ERROR),
    row(r#"the sidecar "{name}" in TaskRun "{object}" failed to start."#, ERROR),
    row(r#"failed to create task run pod "{object}""#, ERROR),
    row("failed to create PVC for TaskRun {name}/{object} workspaces correctly", ERROR),
    // `pkg/reconciler/pipelinerun/pipelinerun.go`, `…/cancel.go`, `…/resources/pipelinerunstate.go`
    row(r#"PipelineRun "{object}" failed to finish within "{duration}""#, TIMEOUT),
    row(r#"PipelineRun "{object}" failed due to tasks failed to finish within "{duration}""#, TIMEOUT),
    row(r#"PipelineRun "{object}" was cancelled"#, None),
    row("Tasks Completed: {integer} (Failed: {integer}, Cancelled {integer}), Skipped: {integer}", None),
    row(
        "Tasks Completed: {integer} (Failed: {integer} (Ignored: {integer}), Cancelled {integer}), Skipped: {integer}",
        None,
    ),
    row("Failed to create PVC for PipelineRun {name}/{object} correctly", ERROR),
    row("Failed to create StatefulSet for PipelineRun {name}/{object} correctly", ERROR),
    // `pkg/kubelet/eviction/helpers.go`: what containers used follows.
    row("The node was low on resource: {resource}. Threshold quantity: {quantity}, available: {quantity}.", ERROR),
    row("The node was low on resource: {resource}.", ERROR),
    row(r#"Container {name} exceeded its local ephemeral storage limit "{quantity}"."#, ERROR),
    row("Pod ephemeral local storage usage exceeds the total limit of containers {quantity}.", ERROR),
    row(r#"Usage of EmptyDir volume "{name}" exceeds the limit "{quantity}"."#, ERROR),
    row("The node had condition: [{conditions}].", ERROR),
    row("Pod was rejected: The node had condition: [{conditions}].", ERROR),
    row("Pod The node had condition: [{conditions}].", ERROR),
    // `pkg/kubelet/nodeshutdown/nodeshutdown_manager.go`
    row("Pod was terminated in response to imminent node shutdown.", ERROR),
    row("Pod was rejected: Pod was rejected as the node is shutting down.", ERROR),
    // `pkg/kubelet/preemption/preemption.go`, `pkg/kubelet/active_deadline.go`, `pkg/util/node/node.go`
    row("Preempted in order to admit critical pod", ERROR),
    row("Pod was active on the node longer than the specified deadline", TIMEOUT),
    row("Node {name} which was running pod {name} is unresponsive", ERROR),
    // `pkg/kubelet/lifecycle/{predicate,handlers}.go`, `pkg/kubelet/cm`, `pkg/kubelet/volumemanager`: a node that could not
    // run the Pod after all.
    row(
        "Pod was rejected: Node didn't have enough resource: {resource}, requested: {integer}, used: {integer}, \
         capacity: {integer}",
        ERROR,
    ),
    row("Pod was rejected: Predicate {predicate} failed", ERROR),
    row("Pod was rejected: Kubelet cannot get node info.", ERROR),
    row("Pod was rejected: Update plugin resources failed", ERROR),
    row("Pod was rejected: Unexpected error while attempting to recover from admission failure", ERROR),
    row("Pod was rejected: Allocate failed", ERROR),
    row("Pod was rejected: GeneralPredicates failed", ERROR),
    row("Pod was rejected: Resources cannot be allocated with Topology locality", ERROR),
    row("Pod was rejected: Pod Scope Resources cannot be allocated with Topology locality", ERROR),
    row("Pod was rejected: SMT Alignment Error", ERROR),
    row("Pod was rejected: Cannot enforce AppArmor", ERROR),
    row("Pod was rejected: Pod requires node features that are not available", ERROR),
    row("Pod was rejected: Node has reached its volume attachment limit, rejecting pod.", ERROR),
    // The definition asks for what a node forbids.
    row("Pod was rejected: forbidden sysctl", None),
    row("Pod was rejected: Failed to admit pod as the OS field doesn't match node OS", None),
    row("Pod was rejected: Failed to admit pod as the `kubernetes.io/os` label doesn't match node label", None),
    row("Pod was rejected: ", ERROR),
];
