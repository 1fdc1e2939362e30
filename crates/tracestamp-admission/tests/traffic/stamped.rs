//! The recordings as they would have been with tracestamp in the cluster: what is stamped at an object's CREATE stays on
//! it, and Tekton copies it to what it creates for the object.

use std::collections::HashMap;

use json_patch::Patch;
use serde_json::{Map, Value};
use tracestamp_admission::Endpoint;
use tracestamp_core::context::Traceparent;
use tracestamp_core::span::SpanRecord;

use crate::call::{Call, spans};
use crate::recording::calls;

const OURS: [&str; 2] = ["tekton.dev/pipelinerunSpanContext", "tekton.dev/taskrunSpanContext"];

/// Rewrites a recording. The recorder's own stamps are taken off first.
pub fn as_in_life(calls: &[Call]) -> Vec<Call> {
    let mut stamps: HashMap<(String, String), Map<String, Value>> = HashMap::new();
    let mut pending: HashMap<String, Map<String, Value>> = HashMap::new();
    let mut lived = Vec::new();
    for call in calls {
        let mut review: Value = serde_json::from_str(&call.body).unwrap();
        let kind = review["request"]["kind"]["kind"].as_str().unwrap().to_owned();
        let creates = review["request"]["operation"] == "CREATE" && review["request"]["subResource"].is_null();
        for side in ["object", "oldObject"] {
            let object = &mut review["request"][side];
            if !object.is_object() || !["PipelineRun", "TaskRun", "Pod"].contains(&&*kind) {
                continue;
            }
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let generate = object["metadata"]["generateName"].as_str().unwrap_or_default().to_owned();
            let key = (kind.clone(), name.clone());
            let unknown = !name.is_empty() && !stamps.contains_key(&key);
            if let (true, Some(stamp)) = (unknown, pending.get(&format!("{kind}/{generate}"))) {
                stamps.insert(key.clone(), stamp.clone());
            }
            let owner = &object["metadata"]["ownerReferences"][0];
            let owner = (
                owner["kind"].as_str().unwrap_or_default().to_owned(),
                owner["name"].as_str().unwrap_or_default().to_owned(),
            );
            let inherited = stamps.get(&key).or_else(|| stamps.get(&owner)).cloned().unwrap_or_default();
            let annotations = without_recorder(object);
            annotations.extend(inherited);
        }
        let mut call = Call { body: review.to_string(), ..call.clone() };
        if creates && call.endpoint == Endpoint::Stamp {
            let patch = call.decide(|decision| decision.patch.clone());
            if let Some(patch) = patch {
                let patch: Patch = serde_json::from_slice(&patch).unwrap();
                let object = &mut review["request"]["object"];
                json_patch::patch(object, &patch).unwrap();
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let generate = object["metadata"]["generateName"].as_str().unwrap_or_default();
                let stamp = object["metadata"]["annotations"].as_object().unwrap().clone();
                let stamp: Map<_, _> = stamp
                    .into_iter()
                    .filter(|(key, _)| key.contains("tracestamp.dev/") || OURS.contains(&&**key))
                    .collect();
                if name.is_empty() {
                    pending.insert(format!("{kind}/{generate}"), stamp);
                } else {
                    stamps.insert((kind, name), stamp);
                }
            }
            call.body = review.to_string();
        }
        lived.push(call);
    }
    lived
}

fn without_recorder(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = object["metadata"].as_object_mut().unwrap();
    let annotations =
        metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new())).as_object_mut().unwrap();
    annotations.retain(|key, _| !OURS.contains(&&**key) && !key.starts_with("trace.example.dev/"));
    annotations
}

fn of<'s>(spans: &'s [SpanRecord<'static>], what: &str) -> Vec<&'s SpanRecord<'static>> {
    spans.iter().filter(|span| span.span_type == what).collect()
}

#[test]
fn the_whole_run_is_one_trace_and_every_parent_is_in_it() {
    for (name, run) in [("fail", "RUN fail"), ("success", "RUN demo")] {
        let spans = spans(&as_in_life(&calls(name)));
        let runs = of(&spans, "pipeline_run");
        let run = runs.iter().find(|span| span.name == run).unwrap();
        let trace: Vec<_> = spans.iter().filter(|span| span.context.trace_id == run.context.trace_id).collect();
        assert!(trace.len() > 20, "{name}: {}", trace.len());
        assert_eq!(run.parent, None);
        for span in &trace {
            let parent = span.parent.map(|parent| trace.iter().any(|other| other.context.span_id == parent));
            assert_ne!(parent, Some(false), "{name}: {} {} has no parent", span.span_type, span.name);
        }
    }
}

#[test]
fn every_container_speaks_under_the_id_in_its_environment() {
    let calls = as_in_life(&calls("sidecar"));
    let pod = |call: &Call| -> Option<Value> {
        let review: Value = serde_json::from_str(&call.body).unwrap();
        (review["request"]["kind"]["kind"] == "Pod" && review["request"]["operation"] == "CREATE")
            .then(|| review["request"]["object"].clone())
    };
    let pod = calls.iter().filter_map(pod).next_back().unwrap();
    let annotations = pod["metadata"]["annotations"].as_object().unwrap();
    let spans = spans(&calls);
    let mut told = 0;
    for span in &spans {
        let Some(container) = crate::tree::attribute(span, "k8s.container.name") else { continue };
        let stamped = annotations[&format!("{container}.tracestamp.dev/traceparent")].as_str().unwrap();
        let stamped = Traceparent::parse(stamped).unwrap();
        let own = (span.context.trace_id, span.context.span_id);
        assert_eq!((stamped.trace_id, stamped.span_id), own, "{container}");
        told += 1;
    }
    assert_eq!(told, 4, "three init containers and a step; the sidecar runs on");
}

#[test]
fn the_step_that_sets_traceparent_itself_keeps_it() {
    let call = calls("sidecar")
        .into_iter()
        .rfind(|call| {
            call.endpoint == Endpoint::Stamp
                && call.body.contains("\"kind\":\"Pod\"")
                && call.body.contains("\"CREATE\"")
                && !call.body.contains("\"Event\"")
        })
        .unwrap();
    let review: Value = serde_json::from_str(&call.body).unwrap();
    let before = review["request"]["object"].clone();
    let mut after = before.clone();
    let patch: Patch = serde_json::from_slice(&call.decide(|decision| decision.patch.clone()).unwrap()).unwrap();
    json_patch::patch(&mut after, &patch).unwrap();
    let own = |pod: &Value| {
        pod["spec"]["containers"].as_array().unwrap().iter().find(|container| container["name"] == "step-calc").unwrap()
            ["env"]
            .clone()
    };
    assert!(own(&before).to_string().contains("TRACEPARENT"), "the recording has such a step");
    assert_eq!(own(&before), own(&after));
    for container in after["spec"]["initContainers"].as_array().unwrap() {
        assert_eq!(container["env"][0]["name"], "TRACEPARENT");
    }
}
