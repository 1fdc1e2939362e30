//! The webhook's process.

use std::process::ExitCode;

use tracestamp_runtime::args;
use tracestamp_webhook::{Args, run};

#[tokio::main]
async fn main() -> ExitCode {
    tracestamp_runtime::install_crypto_provider();
    let args: Args = args::parse();
    if let Err(error) = args.log().init() {
        args::refuse::<Args>(&error);
    }
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
