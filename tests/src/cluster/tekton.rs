//! Tekton's controller and webhook, as processes of the host, with the manifests of its own module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{BRIDGE_ADDRESS, Starter};
use crate::image::HOST;
use crate::kubectl::Kubectl;
use crate::port;

/// Where Tekton keeps its settings.
pub(crate) const NAMESPACE: &str = "tekton-pipelines";
const SERVICE: &str = "tekton-pipelines-webhook";

impl Starter {
    pub(super) fn start_tekton(&mut self, kubectl: &Kubectl) -> Result<()> {
        let config = self.binaries.tekton_module.join("config");
        let webhook_port = port::free()?;
        let mut manifests = vec![starting_with(&config, "100-namespace")?, webhook_service(webhook_port)];
        manifests.push(fs::read_to_string(config.join("500-webhooks.yaml"))?);
        let settings = yaml_files(&config)?.into_iter().filter(|path| is_setting(path));
        for path in settings {
            manifests.push(fs::read_to_string(path)?);
        }
        manifests.push(starting_with(&config, "300-")?);
        // Server-side: one call for all, and the CRDs are too large for client-side apply's annotation.
        kubectl.run_with(&["apply", "--server-side", "-f", "-"], &manifests.join("\n---\n"))?;
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])?;

        let mut controller = self.tekton(kubectl, "controller", "config-leader-election-controller")?;
        let images = ["entrypoint", "nop", "sidecarlogresults", "workingdirinit"];
        for image in images {
            controller.args([format!("-{image}-image"), format!("{HOST}/{image}:1")]);
        }
        controller.args(["-shell-image", &format!("{HOST}/busybox:1"), "-shell-image-win", &format!("{HOST}/none:1")]);
        controller.arg("-disable-ha=true");
        self.start("tekton-controller", &mut controller)?;
        let mut webhook = self.tekton(kubectl, "webhook", "config-leader-election-webhook")?;
        webhook
            .env("WEBHOOK_PORT", webhook_port.to_string())
            .env("WEBHOOK_ADMISSION_CONTROLLER_NAME", "webhook.pipeline.tekton.dev")
            .env("WEBHOOK_SERVICE_NAME", SERVICE)
            .env("WEBHOOK_SECRET_NAME", "webhook-certs");
        self.start("tekton-webhook", &mut webhook)?;
        self.wait("Tekton's webhook answering", || answers(kubectl))
    }

    fn tekton(&self, kubectl: &Kubectl, name: &str, leader_election: &str) -> Result<Command> {
        let mut command = Command::new(self.binaries.tekton(name));
        command
            .env("KUBECONFIG", kubectl.kubeconfig())
            .env("SYSTEM_NAMESPACE", NAMESPACE)
            .env("POD_NAME", format!("tekton-{name}"))
            .env("PROBES_PORT", port::free()?.to_string())
            .env("METRICS_PROMETHEUS_PORT", port::free()?.to_string())
            .env("METRICS_DOMAIN", "tekton.dev/pipeline")
            .env("CONFIG_LEADERELECTION_NAME", leader_election)
            .env("CONFIG_DEFAULTS_NAME", "config-defaults")
            .env("CONFIG_LOGGING_NAME", "config-logging")
            .env("CONFIG_OBSERVABILITY_NAME", "config-observability")
            .env("CONFIG_FEATURE_FLAGS_NAME", "feature-flags")
            .env("CONFIG_SPIRE", "config-spire");
        Ok(command)
    }
}

/// Settings, not roles (the processes are administrators) and not Deployments.
fn is_setting(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("config-"))
}

/// The Service without a selector leads to the process on the host.
fn webhook_service(port: u16) -> String {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {"ports": [{"name": "https-webhook", "port": 443, "targetPort": port}]},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": SERVICE}},
        "ports": [{"name": "https-webhook", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [BRIDGE_ADDRESS], "conditions": {"ready": true}}],
    });
    format!("{service}\n---\n{slice}")
}

/// The webhook fills in its rules and its certificate first; only then a default is set on what is created.
fn answers(kubectl: &Kubectl) -> bool {
    let task_run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"taskSpec": {"steps": [{"name": "probe", "image": "none", "command": ["true"]}]}},
    });
    kubectl
        .run_with(
            &["create", "--dry-run=server", "-o", "jsonpath={.spec.serviceAccountName}", "-f", "-"],
            &task_run.to_string(),
        )
        .is_ok_and(|account| !account.is_empty())
}

/// Every manifest whose file or directory is so called; versions differ in which of the two it is.
fn starting_with(config: &Path, prefix: &str) -> Result<String> {
    let entries = fs::read_dir(config)?.flatten();
    let named =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path());
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() { files.extend(yaml_files(&path)?) } else { files.push(path) }
    }
    files.sort();
    let texts = files.into_iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n---\n"))
}

fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    Ok(files)
}
