//! Webhook configurations that go when their owner does.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::component::report_left_behind;
use crate::kubectl::Kubectl;

/// A registered pair of a mutating and a validating webhook.
#[derive(Debug)]
pub struct Registration {
    kubectl: Kubectl,
    name: String,
}

impl Registration {
    /// What both configurations are called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates both, replacing what a killed test left under the name.
    pub(crate) fn create(kubectl: &Kubectl, name: &str, configurations: &[Value]) -> Result<Self> {
        let registration = Self { kubectl: kubectl.clone(), name: name.to_owned() };
        let manifests: Vec<_> = configurations.iter().map(Value::to_string).collect();
        kubectl.apply(&manifests.join("\n---\n"))?;
        // The API server learns of its own webhooks by a watch, and tells nobody when it has.
        thread::sleep(Duration::from_millis(500));
        Ok(registration)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            let arguments = ["delete", kind, &self.name, "--ignore-not-found"];
            // An impatient second Ctrl-C ends kubectl as well.
            if !(0..3).any(|_| self.kubectl.run(&arguments).is_ok()) {
                eprintln!("LEFT BEHIND, remove it by `kubectl {}`", arguments.join(" "));
                report_left_behind();
            }
        }
    }
}
