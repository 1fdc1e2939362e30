//! The webhook's process.

use clap::Parser;
use tracestamp_webhook::{Args, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracestamp_runtime::install_crypto_provider();
    run(Args::parse()).await
}
