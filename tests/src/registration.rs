//! Webhook configurations that go when their owner does.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::kubectl::Kubectl;

/// A registered pair of a mutating and a validating webhook.
#[derive(Debug)]
pub struct Registration {
    kubectl: Kubectl,
    name: String,
}

impl Registration {
    /// Creates both, replacing what a killed test left under the name.
    pub(crate) fn create(kubectl: &Kubectl, name: &str, configurations: [Value; 2]) -> Result<Self> {
        let registration = Self { kubectl: kubectl.clone(), name: name.to_owned() };
        kubectl.apply(&configurations.map(|configuration| configuration.to_string()).join("\n---\n"))?;
        // The API server learns of its own webhooks by a watch, and tells nobody when it has.
        thread::sleep(Duration::from_millis(500));
        Ok(registration)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            let _ = self.kubectl.run(&["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}
