//! Specs, read when a decision needs them.

mod variables;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::braced::optional;
use super::{Braced, Entries, List, Text};

/// What is read of the spec of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec<'a> {
    /// The Pipeline a PipelineRun refers to.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub pipeline_ref: Option<Reference<'a>>,
    /// The Task a TaskRun refers to.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub task_ref: Option<Reference<'a>>,
    /// The custom task a CustomRun refers to.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub custom_ref: Option<Reference<'a>>,
}

/// A reference by name.
#[derive(Debug, Default, Deserialize)]
pub struct Reference<'a> {
    /// The name; absent when a resolver finds the object.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
}

/// What is read of the spec of a Pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// Steps, in their order, then sidecars.
    #[serde(borrow)]
    pub containers: Option<List<Container<'a>>>,
    /// Init containers and, with `restartPolicy: Always`, native sidecars.
    #[serde(borrow)]
    pub init_containers: Option<List<Container<'a>>>,
    /// The node, once scheduled.
    #[serde(borrow)]
    pub node_name: Option<Text<'a>>,
    /// Whether containers are started again, `Never` where it is left out: the API server leaves it out nowhere.
    #[serde(borrow)]
    pub restart_policy: Option<Text<'a>>,
    /// Whether the Pod has the node's own addresses.
    pub host_network: Option<bool>,
}

impl<'a> PodSpec<'a> {
    /// Reads a Pod's spec; `None` when it is none, or one of more containers than are read: what became of such a Pod
    /// cannot be told from some of them.
    pub fn parse(raw: Option<&'a RawValue>) -> Option<Self> {
        let spec = serde_json::from_str::<Braced<Self>>(raw?.get()).ok()?.into_inner();
        let cut = |list: &Option<List<_>>| list.as_ref().is_some_and(List::is_cut);
        (!cut(&spec.init_containers) && !cut(&spec.containers)).then_some(spec)
    }
}

impl<'a> RunSpec<'a> {
    /// Reads a run's spec; an unreadable one tells nothing.
    pub fn parse(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str::<Braced<Self>>(raw.get()).ok()).unwrap_or_default().into_inner()
    }
}

/// What is read of a container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of core/v1 Container")]
pub struct Container<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub image: Option<Text<'a>>,
    #[serde(borrow)]
    env: Option<&'a RawValue>,
    pub env_from: Option<Entries>,
    #[serde(borrow)]
    pub restart_policy: Option<Text<'a>>,
}

impl Container<'_> {
    /// Which of `names` the container defines itself, whatever the case of their letters, when it has a list of
    /// variables; an error when `env` is no such list. No value is ever read.
    pub fn defines<const N: usize>(&self, names: &[&str; N]) -> serde_json::Result<Option<[bool; N]>> {
        self.env.map(|env| variables::defined(env, names)).transpose()
    }

    /// Whether an init container is a native sidecar (KEP-753).
    pub fn restarts(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}
