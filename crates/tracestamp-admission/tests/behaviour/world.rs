//! A cluster as small as can be: objects as JSON, the reviews an API server makes of them, and Tekton's copying of
//! annotations from run to child.

use std::cell::Cell;

use json_patch::Patch;
use serde_json::{Value, json};
use tracestamp_admission::{Decision, Endpoint, Entropy, Review};
use tracestamp_core::context::Traceparent;
use tracestamp_core::span::SpanRecord;
use tracestamp_core::{Config, Timestamp};

use crate::objects::child;
pub use crate::objects::review;

pub const RECEIVED: &str = "2026-11-21T12:00:00.789Z";

#[derive(Default)]
pub struct World {
    pub config: Config,
    drawn: Cell<u8>,
}

/// What was decided, with nothing borrowed.
#[derive(Debug)]
pub struct Decided {
    pub patch: Option<Value>,
    pub outcome: &'static str,
    pub notes: Vec<&'static str>,
    pub spans: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub what: String,
    pub record: SpanRecord<'static>,
}

impl World {
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::default();
        change(&mut world.config);
        world
    }

    pub fn decide(&self, endpoint: Endpoint, review: &Value) -> Decided {
        self.drawn.set(self.drawn.get().wrapping_add(1));
        let body = serde_json::to_vec(review).unwrap();
        let parsed = Review::parse(&body).unwrap();
        let entropy = Entropy([self.drawn.get(); 20]);
        let decision = parsed.decide(endpoint, &self.config, Timestamp::parse(RECEIVED).unwrap(), entropy);
        owned(&decision)
    }

    pub fn create(&self, object: &Value) -> Decided {
        self.decide(Endpoint::Stamp, &review("CREATE", Some(object), None, &json!({})))
    }

    /// The object as it is after its CREATE, with uid and creationTimestamp.
    pub fn created(&self, object: &Value) -> Value {
        let mut object = self.stamped(object);
        let name = object["metadata"]["name"].as_str().map(str::to_owned);
        let name = name.unwrap_or_else(|| format!("{}x7k2p", object["metadata"]["generateName"].as_str().unwrap()));
        born(&mut object, &name);
        object
    }

    /// The object with the patch of its CREATE, as the API server goes on with it.
    pub fn stamped(&self, object: &Value) -> Value {
        let mut patched = object.clone();
        if let Some(patch) = self.create(object).patch {
            let patch: Patch = serde_json::from_value(patch).unwrap();
            json_patch::patch(&mut patched, &patch).unwrap();
        }
        patched
    }

    pub fn update(&self, old: &Value, new: &Value) -> Decided {
        self.decide(Endpoint::Observe, &review("UPDATE", Some(new), Some(old), &json!({"subResource": "status"})))
    }

    pub fn delete(&self, old: &Value, grace: Value) -> Decided {
        self.decide(
            Endpoint::Observe,
            &review("DELETE", None, Some(old), &json!({"options": {"gracePeriodSeconds": grace}})),
        )
    }
}

fn owned(decision: &Decision<'_>) -> Decided {
    let bytes = |span| tracestamp_core::span::encode(span, Vec::new()).unwrap();
    Decided {
        patch: decision.patch.as_ref().map(|patch| serde_json::from_slice(patch).unwrap()),
        outcome: decision.outcome.as_str(),
        notes: decision.notes.iter().map(|note| note.as_str()).collect(),
        spans: decision
            .spans
            .iter()
            .map(|span| Span {
                what: span.span_type.clone().into_owned(),
                record: tracestamp_core::span::decode(&bytes(span)).unwrap(),
            })
            .collect(),
    }
}

impl Decided {
    pub fn whats(&self) -> Vec<&str> {
        self.spans.iter().map(|span| &*span.what).collect()
    }

    pub fn span(&self, what: &str) -> &Span {
        let mut all = self.spans.iter().filter(|span| span.what == what);
        let span = all.next().unwrap_or_else(|| panic!("no {what} in {:?}", self.whats()));
        assert!(all.next().is_none(), "two {what}");
        span
    }
}

impl Span {
    pub fn attribute(&self, key: &str) -> Option<String> {
        use tracestamp_core::span::Value as V;
        let found = self.record.attributes.iter().find(|attribute| attribute.key == key)?;
        Some(match &found.value {
            V::Text(text) => text.to_string(),
            V::Int(int) => int.to_string(),
            V::Double(double) => double.to_string(),
            V::Bool(bool) => bool.to_string(),
            V::TextList(list) => list.join(","),
        })
    }

    /// `start end` as RFC 3339 times of day.
    pub fn times(&self) -> String {
        let time = |at: Timestamp| at.to_string()[11..].trim_end_matches('Z').to_owned();
        format!("{} {}", time(self.record.start), time(self.record.end))
    }

    pub fn failed(&self) -> bool {
        self.record.status != tracestamp_core::span::Status::Unset
    }
}

pub fn born(object: &mut Value, name: &str) {
    object["metadata"]["name"] = json!(name);
    object["metadata"]["uid"] = json!(format!("uid-of-{name}"));
    object["metadata"]["creationTimestamp"] = json!("2026-11-21T11:00:00Z");
}

pub fn pipeline_run() -> Value {
    json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"generateName": "build-", "namespace": "ci"},
        "spec": {"pipelineRef": {"name": "release"}},
    })
}

/// The TaskRun that Tekton makes of a PipelineRun: with all its annotations.
pub fn task_run(run: &Value) -> Value {
    let name = run["metadata"]["name"].as_str().unwrap();
    child(
        run,
        json!({
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
            "metadata": {
                "name": format!("{name}-compile"), "namespace": "ci",
                "labels": {"tekton.dev/pipelineRun": name, "tekton.dev/pipelineRunUID": run["metadata"]["uid"],
                           "tekton.dev/pipelineTask": "compile"},
            },
            "spec": {},
        }),
    )
}

/// The Pod that Tekton makes of a TaskRun: with all its annotations and labels.
pub fn pod(task_run: &Value) -> Value {
    let name = task_run["metadata"]["name"].as_str().unwrap();
    let mut pod = child(
        task_run,
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-pod"), "namespace": "ci", "labels": task_run["metadata"]["labels"]},
            "spec": {
                "initContainers": [{"name": "prepare", "image": "entrypoint:1"}],
                "containers": [{"name": "step-make", "image": "reg:5000/tools/make:4.3"}, {"name": "step-pack", "image": "pack"}],
            },
        }),
    );
    pod["metadata"]["labels"]["tekton.dev/taskRun"] = json!(name);
    pod["metadata"]["labels"]["tekton.dev/taskRunUID"] = task_run["metadata"]["uid"].clone();
    pod
}

pub fn annotation<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][key].as_str().filter(|value| !value.is_empty())
}

pub fn set(object: &mut Value, key: &str, value: &str) {
    object["metadata"]["annotations"][key] = json!(value);
}

/// The object's own context.
pub fn own(object: &Value) -> Traceparent {
    Traceparent::parse(annotation(object, "tracestamp.dev/traceparent").expect("stamped")).unwrap()
}

pub fn parent(object: &Value) -> Option<Traceparent> {
    annotation(object, "tracestamp.dev/parent").map(|value| Traceparent::parse(value).unwrap())
}

/// The same object with another status.
pub fn with_status(object: &Value, status: Value) -> Value {
    let mut object = object.clone();
    object["status"] = status;
    object
}

/// The spans of the end of a run: from running to `status`.
pub fn end_of(world: &World, run: &Value, status: Value) -> Decided {
    let running = json!({"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running"}],
                         "startTime": "2026-11-21T11:00:02Z"});
    world.update(&with_status(run, running), &with_status(run, status))
}

pub fn succeeded() -> Value {
    json!({"conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}],
           "startTime": "2026-11-21T11:00:02Z", "completionTime": "2026-11-21T11:00:09Z"})
}
