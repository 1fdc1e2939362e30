//! cert-manager's controller and its injector of authorities, as processes of the host.

use std::process::Command;

use anyhow::Result;

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
        shared.install_crds(&shared.certmanager_module.join("deploy/crds"))?;
        let start = |name: &str, more: &[String]| {
            let mut command = Command::new(shared.certmanager.join(name));
            command.arg("--kubeconfig").arg(shared.kubectl.kubeconfig()).arg("--leader-elect=false").args(more);
            Component::start(&format!("cert-manager-{name}"), &mut command, &shared.directory, &shared.logs())
        };
        let metrics = format!("--metrics-listen-address=127.0.0.1:{}", port::free()?);
        Ok(Self { _controller: start("controller", &[metrics])?, _injector: start("cainjector", &[])? })
    }
}
