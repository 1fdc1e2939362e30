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
    let (mut spans, mut bytes, mut unreadable) = (0, 0, 0);
    for waiting in peek(&args.spool_dir).with_context(directory)? {
        let mut waiting = match waiting {
            Ok(waiting) => waiting,
            Err(error) => {
                crate::say(&format!("cannot read segment {error}"));
                unreadable += 1;
                continue;
            }
        };
        let mut records = 0;
        while let Some(record) = waiting.next() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    crate::say(&format!("cannot read all of segment {error}"));
                    unreadable += 1;
                    break;
                }
            };
            records += 1;
            if matches!(args.action, Action::Ls) {
                continue;
            }
            match decode(&record) {
                Ok(span) => {
                    let request = otlp::request([&span], &otlp::ResourceSettings::default());
                    writeln!(out, "{}", shown::json(&otlp::to_json(&request)?))?;
                }
                Err(error) => crate::say(&format!("{}: a record cannot be read: {error}", waiting.segment)),
            }
        }
        if matches!(args.action, Action::Ls) {
            writeln!(out, "{}", shown::plain(&line(&waiting, records)))?;
        }
        spans += records;
        bytes += waiting.bytes;
    }
    crate::say(&format!("{spans} spans wait, {bytes} bytes"));
    anyhow::ensure!(unreadable == 0, "{unreadable} segments could not be read");
    Ok(())
}

fn line(waiting: &Waiting, records: usize) -> String {
    let Waiting { segment, bytes, owned, corrupt_bytes, .. } = waiting;
    let state = if *owned { "being written" } else { "closed" };
    let damage = if *corrupt_bytes > 0 { format!("  {corrupt_bytes} bytes are damaged") } else { String::new() };
    format!("{segment}  {state:<13}  {records:>7} spans  {bytes:>10} bytes{damage}")
}
