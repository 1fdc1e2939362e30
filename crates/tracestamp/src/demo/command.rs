//! Arguments and messages of `tracestamp demo`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracestamp_runtime::shown;

use super::perform;
use crate::recording::Recording;
use crate::terminal::Style;
use crate::{html, recording, say, terminal, trace};

/// Shows the whole way without a cluster: sends the recorded admission reviews of a real run to the real webhook and
/// exporter, and shows the trace that comes out.
///
/// Both processes are started beside each other with certificates and a spool of their own, all on the loopback
/// interface, and stopped again. Exit status: 0, 1 when something went wrong, 2 when the arguments are wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(default_value = "fail", help = recording::help())]
    recording: String,
    /// Deliver to this OTLP receiver instead; the standard OTEL_EXPORTER_OTLP_ variables count as well
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Where the HTML page goes, instead of a new directory under the system's temporary one
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> ExitCode {
    let recording = match Recording::open(&args.recording) {
        Ok(recording) => recording,
        Err(error) => {
            say(&error);
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| runtime.block_on(interruptible(args, recording)));
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends early on Ctrl-C and SIGTERM; what is dropped then takes the processes along.
async fn interruptible(args: &Args, recording: Recording) -> anyhow::Result<u64> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = demonstrate(args, recording) => outcome,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    }
}

/// How many faults were met.
async fn demonstrate(args: &Args, recording: Recording) -> anyhow::Result<u64> {
    let shown = perform(recording, args.endpoint.as_deref()).await?;
    let traces = trace::collect(shown.requests);
    let page = write_page(args, &traces)?;
    let mut out = io::stdout().lock();
    write!(out, "\n{}\n", terminal::render(&traces, Style::of_stdout()))?;
    writeln!(out, "page: {}", shown::plain(&page.display().to_string()))?;
    Ok(shown.faults)
}

fn write_page(args: &Args, traces: &[trace::Trace]) -> anyhow::Result<PathBuf> {
    let directory = match &args.out {
        Some(directory) => {
            std::fs::create_dir_all(directory).with_context(|| format!("--out {}", directory.display()))?;
            directory.clone()
        }
        None => tempfile::Builder::new().prefix("tracestamp-").tempdir()?.keep(),
    };
    let name = stem(&args.recording);
    let path = directory.join(format!("{name}.html"));
    std::fs::write(&path, html::page(traces, &format!("{name} - tracestamp")))
        .with_context(|| path.display().to_string())?;
    Ok(std::path::absolute(path)?)
}

/// The recording's name without directory and endings.
fn stem(recording: &str) -> String {
    let file = Path::new(recording).file_name().unwrap_or_default().to_string_lossy();
    let name = file.trim_end_matches(".zst").trim_end_matches(".jsonl");
    if matches!(name, "" | "-") { "trace".to_owned() } else { name.to_owned() }
}
