//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{backfill, demo, doctor, replay, spool};

/// One true trace for every Tekton run, out of the admission traffic that the API server sends anyway.
///
/// A webhook stamps W3C trace context on PipelineRuns, TaskRuns and Pods while they are created, and reads what happens
/// to them out of their updates; an exporter beside it delivers the spans by OTLP. This command shows it at work without
/// a cluster (`demo`) and runs recorded traffic through the same decision (`replay`).
#[derive(Debug, Parser)]
#[command(name = "tracestamp", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backfill(Box<backfill::Args>),
    Demo(demo::Args),
    Doctor(doctor::Args),
    Replay(Box<replay::Args>),
    Spool(spool::Args),
}

impl Cli {
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Backfill(args) => backfill::run(*args),
            Command::Demo(args) => demo::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Spool(args) => spool::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::recording::EMBEDDED;

    #[test]
    fn the_help_names_every_recording_that_comes_along() {
        let cli = Cli::command();
        for name in ["demo", "replay"] {
            let command = cli.find_subcommand(name).unwrap();
            let recording = command.get_arguments().find(|argument| argument.get_id() == "recording").unwrap();
            let help = recording.get_help().unwrap().to_string();
            for (recording, _) in EMBEDDED {
                assert!(help.contains(recording), "{name}: {recording} is not in {help}");
            }
        }
    }
}
