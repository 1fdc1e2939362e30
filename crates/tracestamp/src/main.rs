//! `tracestamp`: see `tracestamp --help`.

use std::process::ExitCode;

use clap::Parser as _;
use tracestamp::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
