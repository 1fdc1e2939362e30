//! Whether the objects in a namespace have left a complete trace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::component::interrupted;
use crate::expect::repeated;
use crate::jaeger::Jaeger;
use crate::kubectl::Kubectl;
use crate::otlp::OtlpTee;
use crate::trace::JaegerTrace;

/// A sidecar lives up to a minute longer than its run.
const LIMIT: Duration = Duration::from_secs(100);

/// What Jaeger has.
pub(super) struct Found {
    pub(super) spans: usize,
    pub(super) faults: Vec<String>,
}

/// Compares the objects with Jaeger until nothing is missing, or long enough.
pub(super) async fn check(kubectl: &Kubectl, jaeger: &Jaeger, tee: &OtlpTee) -> Result<Found> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = compare(&kubectl.get(&["pipelineruns,taskruns,customruns,pods"])?, jaeger, tee).await?;
        if found.faults.is_empty() || interrupted() || Instant::now() > deadline {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// A span that an object tells to be there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    trace: String,
    id: String,
    what: &'static str,
    parent: Option<String>,
    whose: String,
}

async fn compare(list: &Value, jaeger: &Jaeger, tee: &OtlpTee) -> Result<Found> {
    let objects = array(list, "/items");
    let (mut expected, mut faults) = (Vec::new(), Vec::new());
    for object in objects.iter().filter(|object| is_tekton(object)) {
        match of_object(object, objects) {
            Ok(spans) => expected.extend(spans),
            Err(fault) => faults.push(fault),
        }
    }
    let roots = objects.iter().filter(|object| is_tekton(object) && owner(object, objects).is_none()).count();
    let ids: BTreeSet<&str> = expected.iter().map(|span| span.trace.as_str()).collect();
    if roots == 0 || ids.len() != roots {
        faults.push(format!("{roots} runs of their own, but {} traces", ids.len()));
    }
    let runs: Vec<_> = objects.iter().filter(|object| text(object, "/kind") != "Pod").cloned().collect();
    let mut spans = 0;
    for id in ids {
        let Some(trace) = jaeger.trace(id).await? else {
            faults.push(format!("Jaeger has no trace {id}"));
            continue;
        };
        spans += trace.spans.len();
        faults.extend(differences(&trace, expected.iter().filter(|span| span.trace == id)));
        let own: Vec<_> =
            runs.iter().filter(|run| context(run).is_some_and(|(trace, _)| trace == id)).cloned().collect();
        faults.extend(trace.differences_from(&own));
        faults.extend(trace.warnings());
        faults.extend(repeated(tee, id).into_iter().map(|span| format!("sent more than once: {span}")));
    }
    Ok(Found { spans, faults })
}

fn differences<'a>(trace: &JaegerTrace, expected: impl Iterator<Item = &'a Expected>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut told = BTreeMap::new();
    for Expected { id, what, parent, whose, .. } in expected {
        told.insert(id.as_str(), whose);
        match trace.spans.iter().find(|span| &span.id == id) {
            None => faults.push(format!("no span {what} of {whose}")),
            Some(span) if span.what() != *what => faults.push(format!("{whose}: {} instead of {what}", span.what())),
            Some(span) if &span.parent != parent => {
                faults.push(format!("{what} of {whose}: its parent is {:?}, not {parent:?}", span.parent));
            }
            Some(_) => {}
        }
    }
    for span in &trace.spans {
        if span.parent.as_ref().is_some_and(|parent| !trace.spans.iter().any(|other| &other.id == parent)) {
            faults.push(format!("{} {}: its parent is not there", span.what(), span.name));
        }
        let has_object = !["pending", "finally", "attempt", "schedule", "sandbox"].contains(&span.what());
        if has_object && !told.contains_key(span.id.as_str()) {
            faults.push(format!("{} {}: of no object", span.what(), span.name));
        }
    }
    faults
}

/// The spans that one object tells, or what is wrong with it.
fn of_object(object: &Value, objects: &[Value]) -> Result<Vec<Expected>, String> {
    let kind = text(object, "/kind");
    let whose = format!("{kind} {}", text(object, "/metadata/name"));
    let (trace, id) = context(object).ok_or_else(|| format!("{whose} was not stamped"))?;
    let owner = owner(object, objects).and_then(context);
    if owner.as_ref().is_some_and(|(owners, _)| *owners != trace) {
        return Err(format!("{whose} is in another trace than its owner"));
    }
    let parent = owner.map(|(_, id)| id);
    let what = match kind {
        "PipelineRun" => "pipeline_run",
        "TaskRun" => "task_run",
        "CustomRun" => "custom_run",
        _ => "pod",
    };
    let mut spans = vec![Expected { trace, id, what, parent, whose }];
    if kind == "Pod" {
        containers(object, &mut spans)?;
    }
    Ok(spans)
}

/// Adds what the containers of a Pod tell; the Pod's own span is there already.
fn containers(pod: &Value, spans: &mut Vec<Expected>) -> Result<(), String> {
    let Some(Expected { trace, id, parent, whose, .. }) = spans.pop() else { return Ok(()) };
    let of = |container: &Value, what: &'static str| -> Result<Expected, String> {
        let name = text(container, "/name");
        // Written for the container's own environment.
        let (_, own) = annotation(pod, &format!("{name}.tracestamp.dev/traceparent"))
            .ok_or_else(|| format!("{whose}: container {name} has no context"))?;
        // A step is a part of the task; where it ran is another matter.
        let parent = if what == "step" { parent.clone() } else { Some(id.clone()) };
        Ok(Expected { trace: trace.clone(), id: own, what, parent, whose: format!("{whose}, {name}") })
    };
    let mut found = Vec::new();
    for container in array(pod, "/spec/containers") {
        found.push(of(container, if text(container, "/name").starts_with("step-") { "step" } else { "sidecar" })?);
    }
    for container in array(pod, "/spec/initContainers") {
        let is_sidecar = text(container, "/restartPolicy") == "Always";
        found.push(of(container, if is_sidecar { "sidecar" } else { "init_container" })?);
    }
    spans.extend(found);
    spans.push(Expected { trace, id, what: "pod", parent, whose });
    Ok(())
}

/// Runs, and Pods of task runs; not the Pods that hold a volume for several of them.
fn is_tekton(object: &Value) -> bool {
    text(object, "/kind") != "Pod" || object.pointer("/metadata/labels/tekton.dev~1taskRun").is_some()
}

fn owner<'a>(object: &Value, objects: &'a [Value]) -> Option<&'a Value> {
    let references = array(object, "/metadata/ownerReferences");
    let controller = references.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    objects.iter().find(|object| text(object, "/metadata/uid") == text(controller, "/uid"))
}

/// The trace's id and the object's own.
fn context(object: &Value) -> Option<(String, String)> {
    annotation(object, "tracestamp.dev/traceparent")
}

fn annotation(object: &Value, key: &str) -> Option<(String, String)> {
    let mut parts = object.pointer("/metadata/annotations")?.get(key)?.as_str()?.split('-').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
