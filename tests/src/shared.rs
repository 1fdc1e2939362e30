//! What the tests know of the cluster that was started for them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, process};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kubectl::Kubectl;

/// The variable that names the file of the running cluster.
pub(crate) const CLUSTER_VARIABLE: &str = "TRACESTAMP_E2E";

/// A running cluster, as another process sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shared {
    /// Where the run keeps its files.
    pub directory: PathBuf,
    /// kubectl for this cluster.
    pub kubectl: Kubectl,
    /// Jaeger's query API.
    pub jaeger_query: String,
    /// Jaeger itself.
    pub jaeger: PathBuf,
    /// Jaeger's OTLP/HTTP endpoint.
    pub otlp_http: String,
    /// Jaeger's OTLP/gRPC endpoint.
    pub otlp_grpc: String,
    /// Tekton's source tree, with its examples.
    pub tekton_module: PathBuf,
    /// Tekton's version, `1.9.0`.
    pub tekton: String,
    /// The OpenTelemetry Collector.
    pub collector: PathBuf,
    /// cert-manager's programs.
    pub certmanager: PathBuf,
    /// Its source tree, with its CRDs.
    pub certmanager_module: PathBuf,
    /// The Prometheus operator's source tree, with its CRDs.
    pub prometheus_module: PathBuf,
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
    /// A server's certificate for 127.0.0.1, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// The cluster to test on. `None` where there is none and none is demanded: the test then proves nothing and says so.
///
/// # Panics
/// Without a cluster when `CI` is `true`: a skipped test would pass for a proof there.
#[allow(clippy::panic, reason = "called by tests alone, to fail them")]
pub fn shared() -> Option<Shared> {
    match Shared::find() {
        Ok(Some(shared)) => Some(shared),
        Ok(None) if env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("no cluster ({CLUSTER_VARIABLE} is not set): run this by `make e2e`")
        }
        Ok(None) => {
            // Not by a macro, whose output a test that passes does not show.
            let text = "SKIPPED, NOTHING PROVEN: no cluster; run this by `make e2e`\n";
            let _ = io::stderr().write_all(text.as_bytes());
            None
        }
        Err(error) => panic!("{CLUSTER_VARIABLE}: {error:#}"),
    }
}

impl Shared {
    /// Reads the file that `TRACESTAMP_E2E` names.
    pub(crate) fn find() -> Result<Option<Self>> {
        let Some(path) = env::var_os(CLUSTER_VARIABLE) else { return Ok(None) };
        let text = fs::read(&path).with_context(|| PathBuf::from(path).display().to_string())?;
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Where the cluster is described for others.
    pub fn file(&self) -> PathBuf {
        self.directory.join("cluster.json")
    }

    /// Where programs log.
    pub(crate) fn logs(&self) -> PathBuf {
        self.directory.join("logs")
    }

    /// Whether the cluster's Tekton is older than the oldest one, of those that these tests know, that has `what`. Says
    /// so: a test that goes on without it proves less.
    pub fn predates(&self, since: [u32; 2], what: &str) -> bool {
        let mut numbers = self.tekton.split('.').map_while(|number| number.parse().ok());
        let older = [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)] < since;
        if older {
            let text = format!("NOT PROVEN ON TEKTON {}, which has no {what}\n", self.tekton);
            let _ = io::stderr().write_all(text.as_bytes());
        }
        older
    }

    /// Installs the CRDs that lie in a directory of a module.
    pub fn install_crds(&self, directory: &Path) -> Result<()> {
        let mut manifests = Vec::new();
        for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(path)?;
                // Of a Helm chart; what its templates fill in are labels.
                let lines: Vec<_> = text.lines().filter(|line| !line.contains("{{")).collect();
                manifests.push(lines.join("\n"));
            }
        }
        self.kubectl.run_with(&["apply", "--server-side", "-f", "-"], &manifests.join("\n---\n"))?;
        self.kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).map(drop)
    }

    /// A name that no other test of this run uses.
    pub fn unique(&self, stem: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        format!("{stem}-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// A new namespace with `labels`, ready for Pods.
    pub fn namespace(&self, stem: &str, labels: &[(&str, &str)]) -> Result<Namespace> {
        let name = self.unique(stem);
        let labels: serde_json::Map<_, _> = labels.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect();
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.kubectl.create(&namespace.to_string())?;
        let kubectl = self.kubectl.within(&name);
        // Tekton makes no second attempt at a Pod that was refused for want of its service account.
        poll("the service account `default`", Duration::from_secs(30), || {
            Ok(kubectl.run(&["get", "serviceaccount", "default"]).ok().map(drop))
        })?;
        Ok(Namespace { name, kubectl })
    }
}

/// A namespace of one test's own, deleted with it.
#[derive(Debug)]
pub struct Namespace {
    pub name: String,
    /// kubectl within it.
    pub kubectl: Kubectl,
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // One that failed is left to look at while the cluster lives.
        if !thread::panicking() {
            let _ = self.kubectl.run(&["delete", "namespace", &self.name, "--wait=false"]);
        }
    }
}

/// Asks again and again until there is an answer.
pub fn poll<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {limit:?}");
        }
        thread::sleep(Duration::from_millis(200));
    }
}
