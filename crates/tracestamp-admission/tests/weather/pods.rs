//! What holds for every Pod there can be.

use proptest::prelude::*;
use serde_json::Value;
use tracestamp_core::span::{SpanRecord, Status};

use crate::cluster::Cluster;
use crate::expect::select;
use crate::objects::{condition, ended, running, set, step};
use crate::tree::attribute;

/// What of a Pod lies outside of it, and which Pods contradict their steps. Checked wherever spans are.
pub fn faults(spans: &[SpanRecord<'_>]) -> Vec<String> {
    let pods = select(spans, "pod");
    let faults = pods.iter().flat_map(|pod| {
        let of = |span: &&SpanRecord<'_>| {
            let key = "k8s.pod.uid";
            !["pod", "pull", "pod_event"].contains(&&*span.span_type) && attribute(span, key) == attribute(pod, key)
        };
        let parts: Vec<_> = spans.iter().filter(of).collect();
        let outside = |span: &&&SpanRecord<'_>| span.start < pod.start || pod.end < span.end;
        let outside: Vec<_> = parts.iter().filter(outside).map(|span| outside_of(pod, span)).collect();
        outside.into_iter().chain(contradiction(pod, &parts)).collect::<Vec<_>>()
    });
    faults.collect()
}

fn outside_of(pod: &SpanRecord<'_>, span: &SpanRecord<'_>) -> String {
    let what = &*span.span_type;
    format!("{what} {} {}..{} outside of its pod {}..{}", span.name, span.start, span.end, pod.start, pod.end)
}

/// A step that may fail (`onError: continue`) fails no Pod.
fn fails_its_pod(step: &SpanRecord<'_>) -> bool {
    step.status != Status::Unset && attribute(step, "error.type").as_deref() != Some("Continued")
}

fn contradiction(pod: &SpanRecord<'_>, parts: &[&SpanRecord<'_>]) -> Option<String> {
    let mut steps = parts.iter().filter(|span| span.span_type == "step").peekable();
    steps.peek()?;
    let failed: Vec<_> = steps.filter(|step| fails_its_pod(step)).map(|step| result(step)).collect();
    let good = if failed.is_empty() { pod.status == Status::Unset } else { failed.contains(&result(pod)) };
    (!good).then(|| format!("pod {:?} {:?}, but failed steps {failed:?}", pod.status, result(pod)))
}

fn result(span: &SpanRecord<'_>) -> Option<String> {
    attribute(span, "tracestamp.result")
}

/// Exit code, reason, and an entry of the termination message.
type End = (i64, &'static str, Option<(&'static str, &'static str)>);

/// How a step can end: exit code, the container's reason, and the entrypoint's own.
const ENDS: [End; 9] = [
    (0, "Completed", None),
    (0, "OOMKilled", None),
    (1, "Error", Some(("Reason", "Cancelled"))),
    (1, "Error", Some(("Reason", "TimeoutExceeded"))),
    (0, "Completed", Some(("ExitCode", "7"))),
    (3, "Error", None),
    (137, "OOMKilled", None),
    (143, "Error", None),
    (255, "Unknown", None),
];

/// What happens to the whole Pod, at 09:31:00.
#[derive(Clone, Copy, Debug)]
enum Fate {
    None,
    Deleted,
    Disrupted,
    DisruptedAndDeleted,
    Evicted,
}

/// The end of each step, and its second after 09:30:10.
fn steps() -> impl Strategy<Value = Vec<(usize, u32)>> {
    prop::collection::vec((0..ENDS.len(), 0_u32..45), 1..5)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![Fate::None, Fate::Deleted, Fate::Disrupted, Fate::DisruptedAndDeleted, Fate::Evicted])
}

fn end_of(which: usize, second: u32) -> Value {
    let (code, reason, more) = ENDS[which];
    let at = format!("09:{}:{:02}", 30 + (second + 10) / 60, (second + 10) % 60);
    let state = ended(code, reason, "09:30:04", &at);
    step(state, "09:30:05.1", more.as_slice())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Steps may end at once or one after the other, in any order, before or after what happens to the Pod.
    #[test]
    fn a_pod_has_the_result_of_its_first_failed_step_and_lasts_until_its_last_end(
        ends in steps(), fate in fate(), fate_at in 0_u32..45, at_once in any::<bool>(), sidecar_runs in any::<bool>(),
    ) {
        let names: Vec<_> = (0..ends.len()).map(|n| format!("step-{}", 9 - n)).collect();
        let (mut cluster, _, mut pod) = Cluster::with_running_pod(&format!("init:prepare {} sidecar-db", names.join(" ")));
        let at = format!("09:30:{:02}", fate_at + 10);
        match fate {
            Fate::Deleted | Fate::DisruptedAndDeleted => cluster.ask_to_delete(&at, &mut pod),
            Fate::None | Fate::Disrupted | Fate::Evicted => {}
        }
        match fate {
            Fate::None | Fate::Deleted => {}
            Fate::Disrupted | Fate::DisruptedAndDeleted => {
                condition(&mut pod, "DisruptionTarget", "True", &at, "PreemptionByScheduler");
            }
            Fate::Evicted => {
                condition(&mut pod, "DisruptionTarget", "True", &at, "TerminationByKubelet");
                pod["status"]["reason"] = "Evicted".into();
            }
        }
        let states: Vec<_> = names.iter().zip(&ends).map(|(name, &(which, second))| (&**name, end_of(which, second))).collect();
        if at_once {
            cluster.update("09:31:30", &mut pod, |pod| set(pod, "Running", &states));
        } else {
            for (name, state) in states {
                cluster.update("09:31:30", &mut pod, |pod| set(pod, "Running", &[(name, state)]));
            }
        }
        if sidecar_runs {
            set(&mut pod, "Running", &[("sidecar-db", running("09:30:04"))]);
            cluster.remove("09:31:40", &pod);
        } else {
            let stopped = ended(137, "Error", "09:30:04", "09:31:35");
            cluster.update("09:31:36", &mut pod, |pod| set(pod, "Failed", &[("sidecar-db", stopped)]));
        }
        let spans = cluster.spans();
        prop_assert_eq!(faults(&spans), Vec::<String>::new());
        let steps = names.iter().map(|name| select(&spans, &format!("step {name}"))[0]);
        let first = steps.filter(|step| fails_its_pod(step)).map(|step| (result(step), attribute(step, "error.type"))).next();
        let pods = select(&spans, "pod");
        prop_assert_eq!(pods.len(), 1);
        if let Some(first) = first {
            prop_assert_eq!((result(pods[0]), attribute(pods[0], "error.type")), first);
        }
    }
}
