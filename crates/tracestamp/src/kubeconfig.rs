//! Which cluster a command speaks to.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::discovery::ApiResource;
use kube::{Client, Config};
use tracestamp_core::dns::is_label;
use tracestamp_core::object::Resource;
use tracestamp_runtime::shown;

/// The flags that name the cluster.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct KubeArgs {
    /// The kubeconfig; by default that of kubectl, and in a Pod its service account.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; by default the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Reads the name of a namespace, which becomes part of a path.
pub(crate) fn parse_namespace(name: &str) -> Result<String, String> {
    if is_label(name) {
        return Ok(name.to_owned());
    }
    Err("a namespace has at most 63 characters of a-z, 0-9 and -, and neither begins nor ends with -".to_owned())
}

/// A kind as kube's client takes it.
pub(crate) fn api_resource(kind: &Resource) -> ApiResource {
    let version = kind.version();
    let api_version = if kind.group.is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group) };
    ApiResource {
        group: kind.group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    }
}

impl KubeArgs {
    /// A client of its API server.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        // The error may quote the proxy's password or the client's key.
        let problem = |_| anyhow!("the proxy or the client certificate of the kubeconfig cannot be used");
        Client::try_from(self.config().await?).map_err(problem)
    }

    async fn config(&self) -> anyhow::Result<Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        match &self.kubeconfig {
            Some(path) => {
                let file = || format!("--kubeconfig {} (KUBECONFIG)", shown::path(path));
                let kubeconfig = Kubeconfig::read_from(path).map_err(problem).with_context(file)?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(problem).with_context(file)
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options).await.map_err(problem),
            None => Config::infer().await.map_err(|_| anyhow!("there is no kubeconfig and no service account to use")),
        }
        .context("the kubeconfig cannot be used")
    }
}

/// What is wrong with a kubeconfig, without what is in it: passwords, tokens and keys.
fn problem(error: KubeconfigError) -> anyhow::Error {
    match error {
        KubeconfigError::ReadConfig(error, _) => anyhow!("cannot read it: {error}"),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => anyhow!("it is no kubeconfig: line {}, column {}", at.line(), at.column()),
            None => anyhow!("it is no kubeconfig"),
        },
        KubeconfigError::LoadContext(_) => anyhow!("the context (--context) is not in it"),
        KubeconfigError::LoadClusterOfContext(_) => anyhow!("the cluster of the context is not in it"),
        KubeconfigError::ParseClusterUrl(error) => anyhow!("the cluster's URL is malformed: {error}"),
        KubeconfigError::ParseProxyUrl(error) => anyhow!("the proxy's URL is malformed: {error}"),
        KubeconfigError::LoadCertificateAuthority(_) => anyhow!("the certificate authority cannot be loaded"),
        KubeconfigError::LoadClientCertificate(_) => anyhow!("the client certificate cannot be loaded"),
        KubeconfigError::LoadClientKey(_) => anyhow!("the client key cannot be loaded"),
        KubeconfigError::ParseCertificates(_) => anyhow!("the certificate authority is no PEM"),
        // The rest are texts of their own.
        error => anyhow!("{error}"),
    }
}
