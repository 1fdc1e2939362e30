//! The cluster itself.
//!
//! **Invariant: one cluster at a time on a machine** (a lock says so), because its bridge, its cgroup and containerd's
//! sockets are the machine's. What a killed harness left is therefore nobody's else and taken away at the next start.

mod control_plane;
mod node;
mod run;
mod tekton;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::binaries::Binaries;
use crate::component::{Component, interrupted};
use crate::image::Image;
use crate::jaeger_server::JaegerPorts;
use crate::kubectl::Kubectl;
use crate::pki::Authority;
use crate::shared::Shared;
use crate::{machine, registry};
use run::Run;
pub(crate) use tekton::NAMESPACE as TEKTON_NAMESPACE;

/// The bridge between the containers and this machine.
pub(crate) const BRIDGE: &str = "tracestamp0";
/// The bridge's own address: the node's, and how the API server reaches a process on the host through a Service.
pub(crate) const BRIDGE_ADDRESS: &str = "10.88.0.1";
/// The socket of the cluster's containerd.
pub(crate) fn container_runtime() -> String {
    format!("{}/containerd.sock", run::SOCKETS)
}

/// The cgroup that holds all containers.
pub(crate) const CGROUP: &str = "tracestamp-e2e";
/// The network's name in CNI's bookkeeping.
pub(crate) const CNI_NETWORK: &str = "tracestamp-e2e";

/// A running cluster. Dropping it leaves nothing behind but, unless [`Cluster::succeeded`], its logs.
pub struct Cluster {
    shared: Shared,
    // Fields are dropped in order: the programs before their directory.
    components: Vec<Component>,
    run: Run,
}

impl Cluster {
    /// Builds what is missing, takes away what an earlier run left and starts everything. Servers of the harness run
    /// on the surrounding tokio runtime.
    pub fn start() -> Result<Self> {
        machine::install_packages()?;
        let binaries = Binaries::build()?;
        let begun = Instant::now();
        let run = Run::begin()?;
        let logs = run.directory.join("logs");
        let authority = Authority::new(&run.directory.join("pki"))?;
        let mut starter =
            Starter { binaries, authority, logs, components: Vec::new(), directory: run.directory.clone() };
        let shared = starter.start_all()?;
        fs::write(shared.file(), serde_json::to_vec_pretty(&shared)?)?;
        println!("cluster ready after {:.1} s: {}", begun.elapsed().as_secs_f32(), shared.file().display());
        Ok(Self { shared, components: starter.components, run })
    }

    /// What tests need to know of it.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Nobody will want the logs.
    pub fn succeeded(&mut self) {
        self.run.keep_logs = false;
    }

    /// A component that ended by itself, which none should.
    pub fn ended(&mut self) -> Option<String> {
        self.components.iter_mut().find_map(Component::ended)
    }
}

/// Takes away what a killed harness left.
pub fn take_down() -> Result<()> {
    Run::begin().map(|mut run| run.keep_logs = false)
}

/// Starts components and knows where everything is.
struct Starter {
    binaries: Binaries,
    authority: Authority,
    logs: PathBuf,
    directory: PathBuf,
    components: Vec<Component>,
}

impl Starter {
    fn start_all(&mut self) -> Result<Shared> {
        node::make_bridge()?;
        let api = self.start_api_server()?;
        let jaeger = self.start_jaeger()?;
        let registry = registry::serve(Image::all(&self.binaries)?)?;
        self.start_containerd(registry)?;
        let kubectl = Kubectl::new(self.binaries.kubernetes("kubectl"), api.kubeconfig.clone())
            .with_cache(self.directory.join("kubectl"));
        self.wait("API server ready", || kubectl.run(&["get", "--raw=/readyz"]).is_ok())?;
        self.start_controllers(&api)?;
        self.start_kubelet(&api)?;
        self.start_tekton(&kubectl)?;
        self.make_volumes(&kubectl)?;
        self.wait("node ready", || {
            let condition = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
            kubectl.run(&["get", "nodes", "-o", condition]).is_ok_and(|status| status == "True")
        })?;
        let webhook = self.authority.server("tracestamp", &["127.0.0.1", "localhost"])?;
        Ok(Shared {
            directory: self.directory.clone(),
            kubectl,
            jaeger_query: jaeger.query_url(),
            jaeger: self.binaries.jaeger(),
            otlp_http: format!("http://{BRIDGE_ADDRESS}:{}", jaeger.otlp_http),
            otlp_grpc: format!("http://{BRIDGE_ADDRESS}:{}", jaeger.otlp_grpc),
            ca: self.authority.certificate_file(),
            certificate: webhook.certificate,
            key: webhook.key,
            tekton_module: self.binaries.tekton_module.clone(),
            collector: self.binaries.collector.clone(),
            certmanager: self.binaries.certmanager.clone(),
            certmanager_module: self.binaries.certmanager_module.clone(),
            prometheus_module: self.binaries.prometheus_module.clone(),
            tekton: self.binaries.tekton_version.clone(),
        })
    }

    fn start(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let component = Component::start(name, command, &self.directory, &self.logs)?;
        self.components.push(component);
        Ok(())
    }

    /// Waits until `ready`, but not longer than every component lives.
    fn wait(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
        let Some((last, others)) = self.components.split_last_mut() else { return Ok(()) };
        let mut failed = None;
        last.wait_until(what, || {
            failed = others.iter_mut().find_map(Component::ended);
            failed.is_some() || interrupted() || ready()
        })?;
        match failed {
            Some(message) => Err(anyhow::anyhow!("{message}")),
            None if interrupted() => Err(anyhow::anyhow!("interrupted")),
            None => Ok(()),
        }
    }

    fn start_jaeger(&mut self) -> Result<JaegerPorts> {
        let ports = JaegerPorts::free()?;
        // Where steps reach it too.
        self.start("jaeger", &mut ports.command(&self.binaries.jaeger(), BRIDGE_ADDRESS)?)?;
        Ok(ports)
    }
}

fn flag_file(flag: &str, path: &Path) -> String {
    format!("{flag}={}", path.display())
}
