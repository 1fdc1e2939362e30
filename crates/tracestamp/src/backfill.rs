//! `tracestamp backfill`: what ended while every replica was away, out of the objects that are still there.
//!
//! ```text
//! LIST of runs and their Pods ──▶ a review from "nothing known" to "as it is now" ──▶ the same decision ──▶ OTLP
//! ```
//!
//! Ids derive from the objects, so what was sent before is sent again with equal ids and bytes, and a backend that keeps
//! one of two equal spans shows it once. What only passes by cannot be told afterwards: `schedule` and `sandbox` of a Pod
//! that ended, and objects that were deleted.

mod cluster;
mod command;
mod delivery;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tracestamp_admission::{Endpoint, Entropy, Review};
use tracestamp_core::span::encode;
use tracestamp_core::{Config, Timestamp};
use tracestamp_runtime::shown;

pub use command::{Args, run};

/// A kind that has spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its API group; empty for Pods.
    pub group: &'static str,
    /// The version that is asked for.
    pub version: &'static str,
    pub kind: &'static str,
    /// As it is called in a URL.
    pub plural: &'static str,
}

/// All kinds, parents first.
pub const KINDS: [Kind; 4] = [
    Kind { group: "tekton.dev", version: "v1", kind: "PipelineRun", plural: "pipelineruns" },
    Kind { group: "tekton.dev", version: "v1", kind: "TaskRun", plural: "taskruns" },
    Kind { group: "tekton.dev", version: "v1beta1", kind: "CustomRun", plural: "customruns" },
    Kind { group: "", version: "v1", kind: "Pod", plural: "pods" },
];

/// Decides about objects as they are now.
#[derive(Debug)]
pub struct Backfill {
    /// The webhook's own settings: with others the ids would be others.
    pub config: Config,
    /// Spans that ended earlier are left out.
    pub since: Timestamp,
}

impl Backfill {
    /// The span records of one object, encoded as the webhook encodes them. `now` stands in where the object tells no end.
    pub fn records(&self, kind: Kind, object: &Value, now: Timestamp) -> Vec<Vec<u8>> {
        let body = review(kind, object).to_string();
        let Ok(review) = Review::parse(body.as_bytes()) else { return Vec::new() };
        // Nothing is stamped here, so nothing is drawn.
        let decision = review.decide(Endpoint::Observe, &self.config, now, Entropy([0; 20]));
        let recent = decision.spans.iter().filter(|span| span.end >= self.since);
        recent.filter_map(|span| encode(span, Vec::new()).ok()).collect()
    }
}

/// The update that would have told all of it at once.
fn review(kind: Kind, object: &Value) -> Value {
    let Kind { group, version, kind, plural } = kind;
    let mut before = object.clone();
    if let Some(before) = before.as_object_mut() {
        before.remove("status");
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "backfill", "operation": "UPDATE", "subResource": "status", "dryRun": false,
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": plural},
        "namespace": object.pointer("/metadata/namespace"),
        "object": object, "oldObject": before,
    }})
}

/// The most that is kept of names, in bytes: those of half a million objects.
const NAMES_LIMIT: usize = 64 << 20;

/// Names of objects that others name and that are gone, as they are shown: `kind namespace/name`.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    there: BTreeSet<String>,
    named: BTreeSet<String>,
    bytes: usize,
}

impl Gone {
    /// Takes note of an object and of those that it names.
    pub fn look(&mut self, kind: Kind, object: &Value) {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let namespace = text("/metadata/namespace").unwrap_or_default();
        let full =
            |kind: &str, name: &str| format!("{} {}/{}", shown::name(kind), shown::name(namespace), shown::name(name));
        let pod = text("/status/podName").filter(|name| !name.is_empty()).map(|name| full("Pod", name));
        let children = object.pointer("/status/childReferences").and_then(Value::as_array);
        let children = children.into_iter().flatten().filter_map(|child| {
            let text = |key: &str| child.get(key).and_then(Value::as_str);
            Some(full(text("kind")?, text("name")?))
        });
        for name in pod.into_iter().chain(children) {
            self.keep(name, |gone| &mut gone.named);
        }
        if let Some(name) = text("/metadata/name") {
            self.keep(full(kind.kind, name), |gone| &mut gone.there);
        }
    }

    /// Keeps nothing at all once there are too many: of half of the objects it cannot be said what is gone.
    fn keep(&mut self, name: String, names: impl Fn(&mut Self) -> &mut BTreeSet<String>) {
        self.bytes = self.bytes.saturating_add(name.len() + size_of::<String>());
        if self.is_cut() {
            self.there.clear();
            self.named.clear();
        } else {
            names(self).insert(name);
        }
    }

    /// Whether there were too many names to keep, so that none is given.
    pub fn is_cut(&self) -> bool {
        self.bytes > NAMES_LIMIT
    }

    /// What was named and is not there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.difference(&self.there).map(String::as_str)
    }
}
