//! Whether it works: runs of the last hour and their stamps.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracestamp_core::annotation::TRACEPARENT;

use super::{Finding, known};
use crate::doctor::Facts;

const TOPIC: &str = "runs";

pub(super) fn check(facts: &Facts) -> Option<Finding> {
    // Where Tekton is not there, that has been said.
    if facts.tekton.as_ref().is_ok_and(Vec::is_empty) {
        return None;
    }
    let runs = match known(TOPIC, &facts.runs) {
        Ok(runs) => runs,
        Err(unknown) => return Some(unknown),
    };
    let recent = |run: &&Value| {
        let created = run.get("creationTimestamp").and_then(Value::as_str).and_then(|text| text.parse().ok());
        created.is_some_and(|created: Timestamp| facts.now.duration_since(created) < SignedDuration::from_hours(1))
    };
    let stamped =
        |run: &&Value| run.get("annotations").is_some_and(|annotations| annotations.get(TRACEPARENT).is_some());
    let recent: Vec<_> = runs.iter().filter(recent).collect();
    let (all, with) = (recent.len(), recent.iter().filter(|run| stamped(run)).count());
    Some(if all == 0 {
        Finding::ok(TOPIC, "no PipelineRun was created in the last hour; create one to see whether it is stamped")
    } else if with == all {
        Finding::ok(TOPIC, format!("all {all} PipelineRuns of the last hour are stamped"))
    } else {
        Finding::warn(
            TOPIC,
            format!("{with} of the {all} PipelineRuns of the last hour are stamped"),
            "were the others created before the installation, or in namespaces that are not seen?",
        )
    })
}
