//! Which cluster a command speaks to.

use std::path::PathBuf;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tracestamp_core::dns::is_label;

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

impl KubeArgs {
    /// How to reach it.
    pub(crate) async fn config(&self) -> anyhow::Result<Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Ok(match &self.kubeconfig {
            Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await?,
        })
    }
}
