//! Settings of Tekton, in the `ConfigMaps` of its namespace.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::cluster::TEKTON_NAMESPACE;
use crate::kubectl::Kubectl;
use crate::shared::Shared;

/// A setting that is changed, for everybody, until this is dropped.
#[derive(Debug)]
pub struct Setting {
    kubectl: Kubectl,
    config_map: String,
    before: Value,
}

impl Setting {
    /// Writes `values` into a `ConfigMap` of Tekton's.
    pub fn change(shared: &Shared, config_map: &str, values: &[(&str, &str)]) -> Result<Self> {
        let kubectl = shared.kubectl.within(TEKTON_NAMESPACE);
        let object = kubectl.get(&["configmap", config_map])?;
        let before = |key: &str| object.pointer(&format!("/data/{key}")).cloned().unwrap_or_default();
        // A null in a patch takes the key away.
        let before: Map<_, _> = values.iter().map(|&(key, _)| (key.to_owned(), before(key))).collect();
        let setting = Self { kubectl, config_map: config_map.to_owned(), before: before.into() };
        setting
            .write(&values.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect::<Map<_, _>>().into())?;
        Ok(setting)
    }

    fn write(&self, data: &Value) -> Result<()> {
        let patch = json!({"data": data}).to_string();
        self.kubectl.run(&["patch", "configmap", &self.config_map, "--type=merge", "--patch", &patch])?;
        // Tekton learns of it by a watch, and tells nobody when it has.
        thread::sleep(Duration::from_secs(2));
        Ok(())
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = self.write(&self.before);
    }
}
