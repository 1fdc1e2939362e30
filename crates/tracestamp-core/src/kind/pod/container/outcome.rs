//! What came of a container: its exit code is the last thing to ask.

use crate::kind::pod::reason::{ContainerCause, container_reason};
use crate::kind::pod::termination::Termination;
use crate::kind::pod::view::PodView;
use crate::object::Terminated;
use crate::outcome::Outcome;

const OUT_OF_MEMORY: &str = "OOMKilled";

/// The outcome of a container without an entrypoint of Tekton's.
pub(super) fn of_exit(pod: &PodView<'_>, end: &Terminated<'_>) -> Outcome {
    of_step(pod, end, &Termination::default())
}

/// The outcome of a step, with what its entrypoint left in the termination message. In this order: what the entrypoint
/// says of itself; a cause that the runtime names; the Pod that was taken away or deleted; the
/// exit code.
pub(super) fn of_step(pod: &PodView<'_>, end: &Terminated<'_>, entry: &Termination) -> Outcome {
    let (code, reason) = code_and_reason(end, entry);
    let (error, cause) = container_reason(reason);
    let finished = end.finished();
    // The kubelet makes up the exit code of a container whose end it did not see.
    let description = finished.map(|_| format!("exit code {code}")).unwrap_or_default();
    let failed = |result, error| Outcome::failed(result, error, description);
    match cause {
        ContainerCause::Skipped => return Outcome::SKIPPED,
        ContainerCause::OutOfMemory => return failed("error", error),
        _ if code == 0 => return Outcome::SUCCESS,
        ContainerCause::Infrastructure => return failed("error", error),
        ContainerCause::Cancelled => return failed("cancellation", error),
        ContainerCause::TimedOut => return failed("timeout", error),
        ContainerCause::Continued => return failed("failure", error),
        ContainerCause::Exit | ContainerCause::Lost => {}
    }
    match pod.taken_away_by(finished) {
        Some(by) => failed(by.result, by.error),
        None if pod.deletion_asked_by(finished) => failed(Outcome::DELETED.result, "deleted"),
        None if cause == ContainerCause::Lost => failed("error", error),
        None => failed("failure", error),
    }
}

/// The failure that a step is for its Pod; `None` when it succeeded, was skipped, or its Task goes on all the same
/// (`onError: continue`).
pub(in crate::kind::pod) fn failure_of_step(pod: &PodView<'_>, end: &Terminated<'_>) -> Option<Outcome> {
    let entry = Termination::parse(&end.message());
    let outcome = of_step(pod, end, &entry);
    let continued = entry.exit_code.is_some() && end.reason() != OUT_OF_MEMORY;
    (outcome.error.is_some() && !continued).then_some(outcome)
}

/// The outcome of what still ran when its Pod was removed.
pub(in crate::kind::pod) fn removed(pod: &PodView<'_>) -> Outcome {
    pod.taken_away.map_or(Outcome::DELETED, |by| Outcome::failed(by.result, by.error, String::new()))
}

/// The exit code and reason that count: the container hides both of a step with `onError: continue`.
pub(super) fn code_and_reason<'e>(end: &'e Terminated<'_>, entry: &Termination) -> (i64, &'e str) {
    match entry.exit_code {
        // Tekton fails a TaskRun for it all the same (`pkg/pod/status.go` DidTaskRunFail).
        Some(code) if end.reason() == OUT_OF_MEMORY => (code, OUT_OF_MEMORY),
        Some(code) => (code, "Continued"),
        None => (end.exit_code, entry.reason.unwrap_or_else(|| end.reason())),
    }
}
