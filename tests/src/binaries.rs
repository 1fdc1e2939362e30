//! The cluster's programs, built from Go modules that `tests/cluster/*/go.mod` names and `go.sum` pins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::machine;

/// A program of the group's own; most have none and name others' as tools.
const PROGRAM: &str = "main.go";

/// Modules built together, with one go.mod: their Kubernetes versions differ, so they cannot share one.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    name: String,
    module: &'static str,
}

impl Group {
    pub(crate) fn kubernetes() -> Self {
        Self { name: "kubernetes".to_owned(), module: "k8s.io/kubernetes" }
    }

    /// Tekton, in the version that `TEKTON` names: its go.mod lies in `tests/cluster/tekton-{version}`.
    pub(crate) fn tekton() -> Self {
        let name = match env::var("TEKTON") {
            Ok(version) if !version.is_empty() => format!("tekton-{version}"),
            _ => "tekton".to_owned(),
        };
        Self { name, module: "github.com/tektoncd/pipeline" }
    }

    pub(crate) fn jaeger() -> Self {
        Self { name: "jaeger".to_owned(), module: "github.com/jaegertracing/jaeger" }
    }

    pub(crate) fn otel_cli() -> Self {
        Self { name: "otel-cli".to_owned(), module: "github.com/equinix-labs/otel-cli" }
    }

    pub(crate) fn certmanager() -> Self {
        Self { name: "certmanager".to_owned(), module: "github.com/cert-manager/cert-manager" }
    }

    pub(crate) fn collector() -> Self {
        Self { name: "collector".to_owned(), module: "go.opentelemetry.io/collector/otelcol" }
    }

    /// For its CRDs; nothing is built of it.
    fn prometheus() -> Self {
        Self { name: "prometheus".to_owned(), module: "github.com/prometheus-operator/prometheus-operator" }
    }

    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::kubernetes(),
            Self::tekton(),
            Self::jaeger(),
            Self::otel_cli(),
            Self::certmanager(),
            Self::collector(),
        ]
    }

    fn source(&self) -> PathBuf {
        machine::project().join("tests/cluster").join(&self.name)
    }

    /// Where the group's programs are kept; another go.mod or go.sum gives another directory.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        let mut hash = Sha256::new();
        for file in ["go.mod", "go.sum", PROGRAM] {
            let path = self.source().join(file);
            if file == PROGRAM && !path.exists() {
                continue;
            }
            hash.update(fs::read(&path).with_context(|| format!("no such group: {}", path.display()))?);
        }
        let digest = const_hex::encode(hash.finalize());
        let digest = digest.get(..12).unwrap_or_default();
        Ok(machine::target().join("cluster").join(format!("{}-{digest}", self.name)))
    }

    /// Builds what is not there yet and gives the directory.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let directory = self.directory()?;
        if directory.exists() {
            return Ok(directory);
        }
        println!("building {} from Go modules", self.name);
        // Renamed when complete, so that a build cut short is not taken for a finished one.
        let partial = directory.with_extension("partial");
        fs::create_dir_all(&partial)?;
        let status = self
            .go()
            // Images hold nothing but the program, so it must be static.
            .env("CGO_ENABLED", "0")
            .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", &self.linker_flags()?, "-o"])
            .arg(format!("{}/", partial.display()))
            .arg(if self.source().join(PROGRAM).exists() { "." } else { "tool" })
            .status()?;
        if !status.success() {
            bail!("`go build` of {} failed", self.name);
        }
        fs::rename(&partial, &directory)?;
        Ok(directory)
    }

    /// Built outside its own repository Kubernetes does not know its version, which its clients ask for.
    fn linker_flags(&self) -> Result<String> {
        if self.name != "kubernetes" {
            return Ok("-s -w".to_owned());
        }
        let version = self.version()?;
        let package = "k8s.io/component-base/version";
        let mut numbers = version.split('.');
        let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
        Ok(format!(
            "-s -w -X {package}.gitVersion=v{version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        ))
    }

    /// The source tree of the group's module: its CRDs, manifests and examples.
    pub(crate) fn module(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(self.list("{{.Dir}}")?))
    }

    /// The version of the group's module, without the `v`.
    fn version(&self) -> Result<String> {
        Ok(self.list("{{.Version}}")?.trim_start_matches('v').to_owned())
    }

    fn list(&self, format: &str) -> Result<String> {
        // The build cache may outlive the module cache.
        let download = self.go().args(["mod", "download", self.module]).output()?;
        let output = self.go().args(["list", "-mod=readonly", "-m", "-f", format, self.module]).output()?;
        if !output.status.success() || !download.status.success() {
            bail!("`go list -m {}`: {}", self.module, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn go(&self) -> Command {
        let mut command = Command::new("go");
        command.current_dir(self.source()).env_remove("GOFLAGS");
        command
    }
}

/// The directories of all programs that a cluster runs.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    kubernetes: PathBuf,
    tekton: PathBuf,
    jaeger: PathBuf,
    pub(crate) certmanager: PathBuf,
    /// Its source tree.
    pub(crate) certmanager_module: PathBuf,
    otel_cli: PathBuf,
    /// The Prometheus operator's source tree.
    pub(crate) prometheus_module: PathBuf,
    pub(crate) collector: PathBuf,
    /// Tekton's source tree.
    pub(crate) tekton_module: PathBuf,
    /// Its version, without the `v`.
    pub(crate) tekton_version: String,
}

impl Binaries {
    pub(crate) fn build() -> Result<Self> {
        Ok(Self {
            kubernetes: Group::kubernetes().build()?,
            tekton: Group::tekton().build()?,
            jaeger: Group::jaeger().build()?,
            certmanager: Group::certmanager().build()?,
            certmanager_module: Group::certmanager().module()?,
            otel_cli: Group::otel_cli().build()?,
            prometheus_module: Group::prometheus().module()?,
            collector: Group::collector().build()?.join("collector"),
            tekton_module: Group::tekton().module()?,
            tekton_version: Group::tekton().version()?,
        })
    }

    pub(crate) fn kubernetes(&self, name: &str) -> PathBuf {
        self.kubernetes.join(name)
    }

    /// `go build` names a program after the last part of its path, which for etcd is `server`.
    pub(crate) fn etcd(&self) -> PathBuf {
        self.kubernetes.join("server")
    }

    pub(crate) fn tekton(&self, name: &str) -> PathBuf {
        self.tekton.join(name)
    }

    pub(crate) fn jaeger(&self) -> PathBuf {
        self.jaeger.join("all-in-one")
    }

    pub(crate) fn otel_cli(&self) -> &Path {
        &self.otel_cli
    }
}
