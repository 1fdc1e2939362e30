//! The process `tracestamp-exporter`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tracestamp_exporter::{Args, InvalidSetting, run};

#[tokio::main]
async fn main() -> ExitCode {
    tracestamp_runtime::install_crypto_provider();
    let args = Args::parse();
    if let Err(error) = args.log.clone().init() {
        Args::command().error(ErrorKind::ValueValidation, error).exit();
    }
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        // As clap reports what it can check itself, with exit code 2.
        Err(error) if error.is::<InvalidSetting>() => Args::command().error(ErrorKind::ValueValidation, error).exit(),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
