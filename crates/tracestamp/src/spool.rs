//! `tracestamp spool`: what waits for the exporter.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use tracestamp_core::span::decode;
use tracestamp_exporter::otlp;
use tracestamp_runtime::shown;
use tracestamp_spool::{Waiting, peek};

/// Shows what waits in a spool for the exporter. Changes nothing; both processes may be at work.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The directory that both processes share.
    #[arg(
        long,
        env = "TRACESTAMP_SPOOL_DIR",
        value_name = "DIRECTORY",
        default_value = "/var/spool/tracestamp",
        global = true
    )]
    spool_dir: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Copy, Debug)]
enum Action {
    /// One line a segment: its name, whether it is being written, spans and bytes that wait.
    Ls,
    /// The spans themselves, one OTLP/JSON request a line.
    Cat,
}

/// Prints it.
pub fn run(args: &Args) -> ExitCode {
    match show(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::say(&format!("spool: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn show(args: &Args) -> anyhow::Result<()> {
    let directory = || format!("--spool-dir {}", shown::path(&args.spool_dir));
    let mut out = std::io::stdout().lock();
    let (mut spans, mut bytes) = (0, 0);
    for waiting in peek(&args.spool_dir).with_context(directory)? {
        let waiting = waiting.with_context(directory)?;
        spans += waiting.records.len();
        bytes += waiting.bytes;
        match args.action {
            Action::Ls => writeln!(out, "{}", shown::plain(&line(&waiting)))?,
            Action::Cat => {
                for record in &waiting.records {
                    match decode(record) {
                        Ok(span) => {
                            let request = otlp::request([&span], &otlp::ResourceSettings::default());
                            writeln!(out, "{}", shown::json(&otlp::to_json(&request)?))?;
                        }
                        Err(error) => crate::say(&format!("{}: a record cannot be read: {error}", waiting.segment)),
                    }
                }
            }
        }
    }
    crate::say(&format!("{spans} spans wait, {bytes} bytes"));
    Ok(())
}

fn line(waiting: &Waiting) -> String {
    let Waiting { segment, bytes, owned, records, corrupt_bytes } = waiting;
    let state = if *owned { "being written" } else { "closed" };
    let damage = if *corrupt_bytes > 0 { format!("  {corrupt_bytes} bytes are damaged") } else { String::new() };
    format!("{segment}  {state:<13}  {:>7} spans  {bytes:>10} bytes{damage}", records.len())
}
