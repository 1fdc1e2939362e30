//! Scenarios: manifests of tests/scenarios, played in a namespace of their own.
//!
//! A line `# when a step runs: ARGUMENTS` is a call of kubectl to make then; `# when a CustomRun waits:` and `# when a
//! run waits:` (it has been seen by Tekton, and nothing happens) likewise. `{run}`, `{pod}` and `{customrun}` in it
//! stand for the names, `{now}` for the time. `evict {pod}`, which kubectl does not have, uses the Eviction API.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::machine;
use crate::shared::{Namespace, poll};

/// A manifest and what a user does while it runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    manifest: String,
    actions: Vec<(Trigger, Vec<String>)>,
}

#[derive(Clone, Copy, Debug)]
enum Trigger {
    StepRuns,
    CustomRunWaits,
    RunWaits,
}

/// Long enough for the slowest scenario on a busy machine.
const LIMIT: Duration = Duration::from_mins(3);

impl Scenario {
    /// Reads tests/scenarios/`name`.yaml.
    pub fn load(name: &str) -> Result<Self> {
        let path = machine::project().join("tests/scenarios").join(format!("{name}.yaml"));
        let manifest = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let actions = manifest.lines().filter_map(action).collect();
        Ok(Self { manifest, actions })
    }

    /// The same with `value` in place of each `{name}` in the manifest.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.manifest = self.manifest.replace(&format!("{{{name}}}"), value);
        self
    }

    /// Creates the objects, does what a user does, and waits until each run has ended or is gone. Gives the runs as
    /// created.
    pub fn play(&self, namespace: &Namespace) -> Result<Vec<Value>> {
        let created = namespace.kubectl.create(&self.manifest)?;
        let runs: Vec<Value> = created.into_iter().filter(is_run).collect();
        let run = runs.first().and_then(name).context("the scenario has no run")?;
        for (trigger, arguments) in &self.actions {
            let (pod, custom_run) = match trigger {
                Trigger::StepRuns => (await_running_step(&namespace.kubectl)?, String::new()),
                Trigger::CustomRunWaits => (String::new(), await_custom_run(&namespace.kubectl)?),
                Trigger::RunWaits => {
                    thread::sleep(Duration::from_secs(2));
                    Default::default()
                }
            };
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let arguments: Vec<String> = arguments
                .iter()
                .map(|argument| argument.replace("{run}", run).replace("{pod}", &pod))
                .map(|argument| argument.replace("{customrun}", &custom_run).replace("{now}", &now))
                .collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            match *arguments.as_slice() {
                ["evict", pod] => evict(&namespace.name, &namespace.kubectl, pod)?,
                _ => namespace.kubectl.run(&arguments)?,
            };
        }
        for run in &runs {
            await_end(&namespace.kubectl, run)?;
        }
        Ok(runs)
    }
}

fn action(line: &str) -> Option<(Trigger, Vec<String>)> {
    let (trigger, arguments) = line.strip_prefix("# when a ")?.split_once(": ")?;
    let trigger = match trigger {
        "step runs" => Trigger::StepRuns,
        "CustomRun waits" => Trigger::CustomRunWaits,
        "run waits" => Trigger::RunWaits,
        _ => return None,
    };
    Some((trigger, arguments.split_whitespace().map(str::to_owned).collect()))
}

/// Asks for a Pod's eviction, as `kubectl drain` does.
pub fn evict(namespace: &str, kubectl: &Kubectl, pod: &str) -> Result<String> {
    let metadata = json!({"name": pod, "namespace": namespace});
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    kubectl.run_with(&["create", "--raw", &path, "-f", "-"], &eviction.to_string())
}

/// Creates a run from the manifest of the one of this kind and name, all annotations copied, as the Tekton dashboard does
/// it.
pub fn rerun(kubectl: &Kubectl, kind: &str, name: &str) -> Result<Value> {
    let run = kubectl.get(&[kind, name])?;
    let part = |pointer: &str| run.pointer(pointer);
    let metadata =
        json!({"generateName": part("/metadata/generateName"), "annotations": part("/metadata/annotations")});
    let copy = json!({
        "apiVersion": part("/apiVersion"), "kind": part("/kind"), "metadata": metadata, "spec": part("/spec"),
    });
    kubectl.create(&copy.to_string())?.pop().context("nothing was created")
}

pub(crate) fn is_run(object: &Value) -> bool {
    object
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| matches!(kind, "PipelineRun" | "TaskRun" | "CustomRun"))
}

fn name(object: &Value) -> Option<&str> {
    object.pointer("/metadata/name")?.as_str()
}

fn items(list: &Value) -> &[Value] {
    list.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Waits until a container of a step runs, and gives its Pod's name.
pub fn await_running_step(kubectl: &Kubectl) -> Result<String> {
    poll("a running step", LIMIT, || {
        let pods = kubectl.get(&["pods", "--selector=tekton.dev/taskRun"])?;
        let running = items(&pods).iter().find(|pod| {
            let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
            statuses.is_some_and(|statuses| statuses.iter().any(|status| status.pointer("/state/running").is_some()))
        });
        Ok(running.and_then(name).map(str::to_owned))
    })
}

fn await_custom_run(kubectl: &Kubectl) -> Result<String> {
    poll("a CustomRun", LIMIT, || Ok(items(&kubectl.get(&["customruns"])?).first().and_then(name).map(str::to_owned)))
}

/// Waits until Succeeded is True or False, or the run is gone.
fn await_end(kubectl: &Kubectl, run: &Value) -> Result<()> {
    let kind = run.get("kind").and_then(Value::as_str).unwrap_or_default();
    let name = name(run).unwrap_or_default();
    poll(&format!("the end of {kind} {name}"), LIMIT, || {
        let columns = r#"jsonpath={.metadata.uid}{" "}{.status.conditions[?(@.type=="Succeeded")].status}"#;
        let status = kubectl.run(&["get", kind, name, "--ignore-not-found", "-o", columns])?;
        let ended = status.is_empty() || status.ends_with(" True") || status.ends_with(" False");
        Ok(ended.then_some(()))
    })
}
