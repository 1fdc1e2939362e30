//! Specs, read when a decision needs them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Braced, Text};

/// What is read of the spec of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec<'a> {
    /// The Pipeline a PipelineRun refers to.
    #[serde(borrow)]
    pub pipeline_ref: Option<Reference<'a>>,
    /// The Task a TaskRun refers to.
    #[serde(borrow)]
    pub task_ref: Option<Reference<'a>>,
    /// The custom task a CustomRun refers to.
    #[serde(borrow)]
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
    pub containers: Option<Vec<Braced<Container<'a>>>>,
    /// Init containers and, with `restartPolicy: Always`, native sidecars.
    #[serde(borrow)]
    pub init_containers: Option<Vec<Braced<Container<'a>>>>,
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
    /// Reads a Pod's spec; `None` when it is none.
    pub fn parse(raw: Option<&'a RawValue>) -> Option<Self> {
        serde_json::from_str::<Braced<Self>>(raw?.get()).ok().map(Braced::into_inner)
    }
}

impl<'a> RunSpec<'a> {
    /// Reads a run's spec; an unreadable one tells nothing.
    pub fn parse(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
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
    pub env_from: Option<Vec<serde::de::IgnoredAny>>,
    #[serde(borrow)]
    pub restart_policy: Option<Text<'a>>,
}

impl<'a> Container<'a> {
    /// Its variables, when it has a list for them; an error when `env` is no such list.
    pub fn variables(&self) -> serde_json::Result<Option<Vec<EnvVar<'a>>>> {
        self.env.map(|env| serde_json::from_str(env.get())).transpose()
    }

    /// Whether an init container is a native sidecar (KEP-753).
    pub fn restarts(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

/// The name of an environment variable; its value is never read.
#[derive(Debug, Deserialize)]
pub struct EnvVar<'a> {
    /// The variable's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
}
