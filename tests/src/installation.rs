//! tracestamp as its manifests install it: the image in real Pods on the kubelet, called through its Service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::cluster::container_runtime;
use crate::kubectl::Kubectl;
use crate::machine;
use crate::shared::{Shared, poll};

/// The namespace that the manifests name.
const NAMESPACE: &str = "tracestamp";
/// How long all replicas may take to be ready, on a busy machine.
const ROLLOUT: &str = "--timeout=180s";

/// A copy of `manifests/` and `certs/` with overlays of a test's own, as a user's clone has them.
#[derive(Debug)]
pub struct Tree {
    directory: PathBuf,
    kubectl: Kubectl,
}

impl Tree {
    /// Copies what the project has.
    pub fn copy(shared: &Shared) -> Result<Self> {
        let directory = shared.directory.join(shared.unique("install"));
        fs::create_dir_all(&directory)?;
        let from = ["manifests", "certs"].map(|name| machine::project().join(name));
        let status = Command::new("cp").arg("-r").args(from).arg(&directory).status()?;
        if !status.success() {
            bail!("manifests/ and certs/ cannot be copied to {}", directory.display());
        }
        Ok(Self { directory, kubectl: shared.kubectl.clone() })
    }

    /// The names of the overlays that are there.
    pub fn overlays(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.directory.join("manifests/overlays"))?.flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Adds an overlay and gives its directory.
    pub fn add(&self, name: &str, kustomization: &str) -> Result<PathBuf> {
        let overlay = self.overlay(name);
        fs::create_dir_all(&overlay)?;
        fs::write(overlay.join("kustomization.yaml"), kustomization)?;
        Ok(overlay)
    }

    /// Adds one that sends to the cluster's Jaeger, with the component `certificates` and more settings.
    pub fn add_to_jaeger(&self, shared: &Shared, name: &str, certificates: &str, more: &[&str]) -> Result<()> {
        let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", shared.otlp_grpc);
        let literals = [&[&*endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"], more].concat();
        let mut kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": ["../../base"], "components": [format!("../../components/{certificates}")],
            "configMapGenerator": [
                {"name": "tracestamp", "namespace": "tracestamp", "behavior": "merge", "literals": literals},
            ],
        });
        if let (true, Some(kustomization)) = (certificates == "self-managed", kustomization.as_object_mut()) {
            let secret = json!([{
                "name": "tracestamp-webhook-tls", "namespace": "tracestamp", "type": "kubernetes.io/tls",
                "files": ["ca.crt", "tls.crt", "tls.key"], "options": {"disableNameSuffixHash": true},
            }]);
            kustomization.insert("secretGenerator".to_owned(), secret);
        }
        self.add(name, &kustomization.to_string()).map(drop)
    }

    /// Runs `certs/self-managed/issue` for an overlay, as its comment says.
    pub fn issue(&self, overlay: &str) -> Result<()> {
        let script = self.directory.join("certs/self-managed/issue");
        let output = Command::new(&script).arg(self.overlay(overlay)).output()?;
        if !output.status.success() {
            bail!("{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// What `kubectl kustomize` makes of an overlay.
    pub fn render(&self, overlay: &str) -> Result<String> {
        self.kubectl.run(&["kustomize", &self.overlay(overlay).display().to_string()])
    }

    /// A file or directory of the manifests.
    pub fn path(&self, within: &str) -> PathBuf {
        self.directory.join("manifests").join(within)
    }

    fn overlay(&self, name: &str) -> PathBuf {
        self.path("overlays").join(name)
    }
}

/// An overlay that was applied; deleted with it, as a user does.
#[derive(Debug)]
pub struct Installation {
    /// kubectl in the namespace of the installation.
    pub kubectl: Kubectl,
    overlay: String,
    installed: bool,
}

impl Installation {
    /// Gives the node the image, applies the overlay and waits until it is rolled out and its authority is known.
    pub fn apply(shared: &Shared, tree: &Tree, overlay: &str) -> Result<Self> {
        load_image(shared)?;
        let installation = Self {
            kubectl: shared.kubectl.within(NAMESPACE),
            overlay: tree.overlay(overlay).display().to_string(),
            installed: true,
        };
        installation.reapply()?;
        installation.rolled_out()?;
        poll("the authority in both registrations", Duration::from_mins(1), || {
            let column = "jsonpath={range .items[*].webhooks[*]}{.clientConfig.caBundle}{\"\\n\"}{end}";
            let bundles = shared.kubectl.run(&[
                "get",
                "mutatingwebhookconfigurations,validatingwebhookconfigurations",
                "--selector=app.kubernetes.io/name=tracestamp",
                "-o",
                column,
            ])?;
            Ok((bundles.lines().filter(|line| !line.is_empty()).count() == 4).then_some(()))
        })?;
        // The API server learns of its own webhooks by a watch.
        std::thread::sleep(Duration::from_secs(1));
        Ok(installation)
    }

    /// `kubectl apply -k` once more.
    pub fn reapply(&self) -> Result<String> {
        self.anywhere().run(&["apply", "-k", &self.overlay])
    }

    /// Waits until all replicas are of the newest kind and ready.
    pub fn rolled_out(&self) -> Result<String> {
        self.kubectl.run(&["rollout", "status", "deployment/tracestamp", ROLLOUT])
    }

    /// The names of its Pods that are not leaving.
    pub fn pods(&self) -> Result<Vec<String>> {
        let pods = self.kubectl.get(&["pods", "--selector=app.kubernetes.io/name=tracestamp"])?;
        let staying = |pod: &&Value| pod.pointer("/metadata/deletionTimestamp").is_none();
        let name = |pod: &Value| Some(pod.pointer("/metadata/name")?.as_str()?.to_owned());
        Ok(pods.get("items").and_then(Value::as_array).into_iter().flatten().filter(staying).filter_map(name).collect())
    }

    /// What a process of a Pod answers on its admin port: 8080 is the webhook's, 8081 the exporter's.
    pub fn admin(&self, pod: &str, port: u16, path: &str) -> Result<String> {
        let url = format!("/api/v1/namespaces/{NAMESPACE}/pods/http:{pod}:{port}/proxy/{path}");
        self.anywhere().run(&["get", "--raw", &url])
    }

    /// `kubectl delete -k`, as a user uninstalls it; waits until all of it is gone.
    pub fn delete(mut self) -> Result<String> {
        self.installed = false;
        self.remove()
    }

    fn remove(&self) -> Result<String> {
        self.anywhere().run(&["delete", "-k", &self.overlay, "--ignore-not-found", "--timeout=120s"])
    }

    fn anywhere(&self) -> Kubectl {
        self.kubectl.anywhere()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if self.installed {
            let _ = self.remove();
        }
    }
}

/// Assembles the image of the programs as they are built now and gives it to the node, whose registry has none of it.
fn load_image(shared: &Shared) -> Result<()> {
    let archive = shared.directory.join("image.tar");
    let tag = format!("docker.io/library/tracestamp:{}", env!("CARGO_PKG_VERSION"));
    let script = machine::project().join("tools/image");
    succeed(Command::new(script).arg(machine::programs()).arg(tag).arg(&archive))?;
    let import = ["--namespace", "k8s.io", "images", "import"];
    succeed(Command::new("ctr").arg("--address").arg(container_runtime()).args(import).arg(Path::new(&archive)))
}

/// Takes an image from the node, so that it has to be pulled again: a cluster may be kept between runs of a test.
pub fn forget_image(name: &str) -> Result<()> {
    let remove = ["--namespace", "k8s.io", "images", "rm", "--sync", name];
    succeed(Command::new("ctr").arg("--address").arg(container_runtime()).args(remove))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
