//! Volumes made beforehand: nothing on the node could make them when a claim asks.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::shared::Shared;

/// Of the default class, which binds a claim to the smallest volume that is large enough.
pub(crate) const CLASS: &str = "host";

/// A volume of this node.
pub(crate) fn volume(name: &str, capacity: &str, path: &Path) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": capacity},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "hostPath": {"path": path, "type": "DirectoryOrCreate"},
        },
    })
}

/// Volumes that are there for a while, beside those that the tests have.
#[derive(Debug)]
pub(crate) struct Volumes {
    kubectl: Kubectl,
    names: Vec<String>,
}

impl Volumes {
    pub(crate) fn create(shared: &Shared, number: usize) -> Result<Self> {
        let stem = shared.unique("volume");
        let names: Vec<String> = (0..number).map(|number| format!("{stem}-{number}")).collect();
        let directory = shared.directory.join("volumes");
        let volumes = names.iter().map(|name| volume(name, "10Gi", &directory.join(name)).to_string());
        let volumes: Vec<String> = volumes.collect();
        let created = Self { kubectl: shared.kubectl.clone(), names };
        created.kubectl.run_with(&["apply", "--server-side", "-f", "-"], &volumes.join("\n---\n"))?;
        Ok(created)
    }
}

impl Drop for Volumes {
    fn drop(&mut self) {
        let names = self.names.iter().map(String::as_str);
        let arguments: Vec<&str> = ["delete", "persistentvolume", "--wait=false"].into_iter().chain(names).collect();
        let _ = self.kubectl.run(&arguments);
    }
}
