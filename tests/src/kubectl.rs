//! kubectl, as a user would call it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// kubectl with the administrator's kubeconfig.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// Where it keeps what it discovers; the user's own place when `None`.
    cache: Option<PathBuf>,
    namespace: Option<String>,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf) -> Self {
        Self { program, kubeconfig, cache: None, namespace: None }
    }

    /// The same, which leaves nothing in the user's home.
    #[must_use]
    pub(crate) fn with_cache(self, cache: PathBuf) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// The same, in `namespace`.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self.clone() }
    }

    /// The same, in no namespace.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        Self { namespace: None, ..self.clone() }
    }

    /// The same as whom another kubeconfig makes it.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// The program, beside which Kubernetes' others lie.
    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs `kubectl ARGUMENTS` and gives what it prints.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with(arguments, "")
    }

    /// The same with `input` on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        if let Some(cache) = &self.cache {
            command.arg("--cache-dir").arg(cache);
        }
        command.args(arguments);
        if let Some(namespace) = &self.namespace {
            command.args(["--namespace", namespace]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing closes its end early.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The object that `kubectl get ARGUMENTS` gives.
    pub fn get(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [&["get", "-o", "json"], arguments].concat();
        serde_json::from_str(&self.run(&arguments)?).context("kubectl gave no JSON")
    }

    /// Creates or changes what `manifest` (YAML or JSON) says.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        self.run_with(&["apply", "-f", "-"], manifest)
    }

    /// Creates what `manifest` says and gives the objects created.
    pub fn create(&self, manifest: &str) -> Result<Vec<Value>> {
        objects(&self.run_with(&["create", "-o", "json", "-f", "-"], manifest)?)
    }

    /// The objects that `kubectl ARGUMENTS` prints as JSON.
    pub fn objects(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        objects(&self.run(arguments)?)
    }

    /// The sum of a counter of the API server's over all lines that contain each of `labels`.
    pub fn api_server_metric(&self, name: &str, labels: &[&str]) -> Result<u64> {
        let metrics = self.run(&["get", "--raw=/metrics"])?;
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        let values = lines.filter_map(|line| line.rsplit(' ').next());
        values.map(|value| value.parse::<u64>().with_context(|| format!("{name}: {value}"))).sum()
    }
}

/// Several objects come one after another, or as one List.
fn objects(output: &str) -> Result<Vec<Value>> {
    let printed = serde_json::Deserializer::from_str(output).into_iter::<Value>().collect::<Result<Vec<_>, _>>()?;
    Ok(printed
        .into_iter()
        .flat_map(|object| object.get("items").and_then(Value::as_array).cloned().unwrap_or(vec![object]))
        .collect())
}
