//! See `cluster --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracestamp_tests::cli::main()
}
