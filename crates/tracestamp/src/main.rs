//! `tracestamp`: see `tracestamp --help`.

use std::process::ExitCode;

use tracestamp::cli::Cli;
use tracestamp_runtime::args;

fn main() -> ExitCode {
    args::parse::<Cli>().run()
}
