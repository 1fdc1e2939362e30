//! A cluster as small as can be, which records what it sends to its webhooks.

use json_patch::Patch;
use serde_json::{Value, json};
use tracestamp_admission::Endpoint;
use tracestamp_core::Timestamp;
use tracestamp_core::span::SpanRecord;

use crate::call::{Call, spans};
use crate::objects::{ended, pipeline_run, pod, prepared, running, set, task_run, time, waiting};
use crate::review::review;

/// Of the alphabet that an API server makes names from (`k8s.io/apimachinery` `pkg/util/rand`).
const SUFFIXES: [&str; 4] = ["h4v8t", "p2k6d", "w9c5z", "b7m2x"];

pub struct Cluster {
    /// Whether objects are stamped at their CREATE.
    stamps: bool,
    generated: usize,
    calls: Vec<Call>,
}

impl Cluster {
    pub const fn new() -> Self {
        Self { stamps: true, generated: 0, calls: Vec::new() }
    }

    /// One whose objects were created before tracestamp was installed.
    pub const fn never_stamping() -> Self {
        Self { stamps: false, generated: 0, calls: Vec::new() }
    }

    pub fn calls(self) -> Vec<Call> {
        self.calls
    }

    pub fn spans(&self) -> Vec<SpanRecord<'static>> {
        spans(&self.calls)
    }

    fn send(&mut self, at: &str, endpoint: Endpoint, review: &Value) {
        let received = Timestamp::parse(&time(at)).unwrap();
        self.calls.push(Call { endpoint, received, body: review.to_string() });
    }

    /// Creates the object, and returns it as it is then.
    pub fn create(&mut self, at: &str, mut object: Value) -> Value {
        if self.stamps {
            object = self.stamp(at, object);
        }
        if object["metadata"]["name"].is_null() {
            let prefix = object["metadata"]["generateName"].as_str().unwrap();
            object["metadata"]["name"] = json!(format!("{prefix}{}", SUFFIXES[self.generated % SUFFIXES.len()]));
            self.generated += 1;
        }
        let name = object["metadata"]["name"].as_str().unwrap();
        object["metadata"]["uid"] = json!(format!("uid-of-{name}"));
        object["metadata"]["creationTimestamp"] = json!(time(at));
        self.send(at, Endpoint::Observe, &review("CREATE", Some(&object), None, &json!({})));
        object
    }

    /// The object with the patch of its mutating review.
    pub fn stamp(&mut self, at: &str, mut object: Value) -> Value {
        self.send(at, Endpoint::Stamp, &review("CREATE", Some(&object), None, &json!({})));
        if let Some(patch) = self.calls.last().unwrap().decide(|decision| decision.patch.clone()) {
            let patch: Patch = serde_json::from_slice(&patch).unwrap();
            json_patch::patch(&mut object, &patch).unwrap();
        }
        object
    }

    /// Changes the object's status.
    pub fn update(&mut self, at: &str, object: &mut Value, change: impl FnOnce(&mut Value)) {
        let old = object.clone();
        change(object);
        let more = json!({"subResource": "status"});
        self.send(at, Endpoint::Observe, &review("UPDATE", Some(object), Some(&old), &more));
    }

    /// Asks for the deletion of a Pod that has 30 seconds for it.
    pub fn ask_to_delete(&mut self, at: &str, pod: &mut Value) {
        let more = json!({"options": {"gracePeriodSeconds": 30}});
        self.send(at, Endpoint::Observe, &review("DELETE", None, Some(pod), &more));
        let due = Timestamp::parse(&time(at)).unwrap().minus_seconds(-30).second().to_string();
        pod["metadata"]["deletionTimestamp"] = json!(due);
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    }

    /// Removes the object, as a kubelet does with a Pod that it is done with.
    pub fn remove(&mut self, at: &str, object: &Value) {
        let more = json!({"options": {"gracePeriodSeconds": 0}});
        self.send(at, Endpoint::Observe, &review("DELETE", None, Some(object), &more));
    }

    /// A TaskRun of `run` and its Pod, bound to a node.
    pub fn task(&mut self, at: &str, run: &Value, task: &str, containers: &str) -> (Value, Value) {
        let task = self.create(at, task_run(run, task));
        let mut pod = self.create(at, pod(&task, containers));
        pod["spec"]["nodeName"] = json!("node-3");
        (task, pod)
    }

    /// A TaskRun, and its Pod that was created at 09:30:01 and whose sandbox is up; nothing is said of its containers.
    pub fn with_bound_pod(containers: &str) -> (Self, Value, Value) {
        let mut cluster = Self::new();
        let run = cluster.create("09:30:00", pipeline_run("nightly-"));
        let (task, mut pod) = cluster.task("09:30:01", &run, "build", containers);
        cluster.update("09:30:02.3", &mut pod, |pod| prepared(pod, "09:30:01", "09:30:02"));
        (cluster, task, pod)
    }

    /// Likewise, with containers that wait. The init containers have ended, except those that are restarted.
    pub fn with_waiting_pod(containers: &str) -> (Self, Value, Value) {
        Self::with_pod(containers, waiting)
    }

    /// Likewise, with containers that run since 09:30:04.
    pub fn with_running_pod(containers: &str) -> (Self, Value, Value) {
        Self::with_pod(containers, || running("09:30:04"))
    }

    fn with_pod(containers: &str, state: fn() -> Value) -> (Self, Value, Value) {
        let (mut cluster, task, mut pod) = Self::with_bound_pod(containers);
        cluster.update("09:30:05.3", &mut pod, |pod| {
            for container in containers.split_whitespace() {
                let (init, name) = container.strip_prefix("init:").map_or((false, container), |name| (true, name));
                let name = name.trim_start_matches("native:");
                let state = if init { ended(0, "Completed", "09:30:02", "09:30:03") } else { state() };
                set(pod, "Running", &[(name, state)]);
            }
        });
        (cluster, task, pod)
    }
}
