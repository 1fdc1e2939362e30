//! cert-manager's controller and its injector of authorities, as processes of the host.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::component::Component;
use crate::port;
use crate::shared::Shared;

/// A running cert-manager. Its CRDs stay when it goes.
#[derive(Debug)]
pub struct CertManager {
    _controller: Component,
    _injector: Component,
}

impl CertManager {
    /// Installs the CRDs of its module and starts both programs.
    pub fn start(shared: &Shared) -> Result<Self> {
        let directory = shared.certmanager_module.join("deploy/crds");
        let mut manifests = Vec::new();
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(path)?;
                // Files of a Helm chart; what their templates fill in are labels.
                let lines: Vec<_> = text.lines().filter(|line| !line.contains("{{")).collect();
                manifests.push(lines.join("\n"));
            }
        }
        shared.kubectl.run_with(&["apply", "--server-side", "-f", "-"], &manifests.join("\n---\n"))?;
        shared.kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])?;
        let start = |name: &str, more: &[String]| {
            let mut command = Command::new(shared.certmanager.join(name));
            command.arg("--kubeconfig").arg(shared.kubectl.kubeconfig()).arg("--leader-elect=false").args(more);
            Component::start(&format!("cert-manager-{name}"), &mut command, &shared.directory, &shared.logs())
        };
        let metrics = format!("--metrics-listen-address=127.0.0.1:{}", port::free()?);
        Ok(Self { _controller: start("controller", &[metrics])?, _injector: start("cainjector", &[])? })
    }
}
