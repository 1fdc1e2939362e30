//! `cluster record`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::on_a_cluster;
use crate::recorder::{self, Foreign};

/// Records what an API server sends to its admission webhooks: while a scenario of tests/scenarios runs on a cluster of
/// these tests, or from a cluster of your own.
#[derive(Args)]
pub(super) struct RecordArgs {
    /// The scenario's name, without `.yaml`.
    #[arg(long, required_unless_present = "url", conflicts_with = "url")]
    scenario: Option<String>,
    /// Where to write; a name that ends in `.zst` is compressed.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    foreign: Foreign,
}

impl RecordArgs {
    /// Whether the cluster is there already and needs nothing of this machine.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign.url.is_some()
    }

    pub(super) fn record(&self) -> Result<ExitCode> {
        let count = match (&self.foreign.url, &self.scenario) {
            (Some(url), _) => recorder::record_foreign(&self.foreign, url, &self.out)?,
            (None, Some(scenario)) => on_a_cluster(|shared| recorder::record(shared, scenario, &self.out))?,
            (None, None) => bail!("neither --scenario nor --url"),
        };
        println!("{count} reviews: {}", self.out.display());
        Ok(ExitCode::SUCCESS)
    }
}
