//! The process `tracestamp-exporter`.

use std::process::ExitCode;

use tracestamp_exporter::{Args, InvalidSetting, run};
use tracestamp_runtime::args;

#[tokio::main]
async fn main() -> ExitCode {
    tracestamp_runtime::install_crypto_provider();
    let args: Args = args::parse();
    if let Err(error) = args.log.clone().init() {
        args::refuse::<Args>(&error);
    }
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        // As clap reports what it can check itself, with exit code 2.
        Err(error) if error.is::<InvalidSetting>() => args::refuse::<Args>(&error),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
