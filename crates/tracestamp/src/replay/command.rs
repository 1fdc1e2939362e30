//! Arguments, files and messages of `tracestamp replay`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use tracestamp_core::Config;
use tracestamp_runtime::shown;
use tracestamp_webhook::StampArgs;

use super::Replay;
use crate::recording::{self, Recording};
use crate::say;

/// Runs every review of a recording through the webhook's decision and writes the spans it gives.
///
/// Nothing is sent anywhere. Takes the webhook's settings, and the same recording with the same settings always gives the
/// same output: what the webhook draws at random is derived from the line. Exit status: 0 when every line was used, 1 when lines were broken (they are reported with
/// their numbers, the rest is used) or something could not be written, 2 when the arguments are wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(help = recording::help())]
    recording: String,
    /// Where the spans go, one OTLP/JSON ExportTraceServiceRequest a line, one line per review that gave spans; `-` for
    /// standard output
    #[arg(long, value_name = "SPANS")]
    out: String,
    /// Where the object of each mutating review goes as it would be admitted, one JSON object a line; deletions have
    /// none; `-` for standard output
    #[arg(long, value_name = "FILE")]
    patched: Option<String>,
    #[command(flatten)]
    stamp: StampArgs,
}

pub fn run(args: &Args) -> ExitCode {
    let wrong = |what: &dyn std::fmt::Display| {
        say(what);
        ExitCode::from(2)
    };
    if args.patched.as_ref() == Some(&args.out) {
        return wrong(&"--out and --patched name the same file");
    }
    let config = match args.stamp.clone().into_config() {
        Ok(config) => Config { pod_events: true, ..config },
        Err(error) => return wrong(&format!("{error:#}")),
    };
    let recording = match Recording::open(&args.recording) {
        Ok(recording) => recording,
        Err(error) => return wrong(&error),
    };
    let mut out = match Output::create(&args.out) {
        Ok(out) => out,
        Err(error) => return wrong(&format!("{}: {error}", args.out)),
    };
    let mut patched = match args.patched.as_deref().map(|name| (name, Output::create(name))) {
        None => None,
        Some((_, Ok(patched))) => Some(patched),
        Some((name, Err(error))) => return wrong(&format!("{name}: {error}")),
    };
    match replay(recording, config, &mut out, patched.as_mut()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        // Whoever reads has read enough, as in `tracestamp replay … | head`.
        Err(error) if error.error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(WriteError { name, error }) => {
            say(&format!("{name}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// How many lines were broken.
fn replay(
    mut recording: Recording,
    config: Config,
    out: &mut Output,
    mut patched: Option<&mut Output>,
) -> Result<u64, WriteError> {
    let mut replay = Replay::new(config);
    let (mut reviews, mut spans, mut broken) = (0_u64, 0, 0);
    while let Some(item) = recording.next() {
        let item = item.and_then(|review| match replay.review(&review) {
            Ok(replayed) => Ok(replayed),
            Err(reason) => Err(recording.broken(review.line, reason)),
        });
        let replayed = match item {
            Ok(replayed) => replayed,
            Err(error) => {
                say(&error);
                broken += 1;
                continue;
            }
        };
        reviews += 1;
        spans += replayed.spans;
        if let Some(request) = replayed.request {
            out.line(&serde_json::to_string(&request).map_err(|error| out.failed(error.into()))?)?;
        }
        if let (Some(patched), Some(object)) = (patched.as_mut(), replayed.patched) {
            patched.line(&object)?;
        }
    }
    out.flush()?;
    patched.map_or(Ok(()), Output::flush)?;
    let note = if broken > 0 { format!(", {broken} broken lines left out") } else { String::new() };
    say(&format!("{spans} spans from {reviews} reviews{note}"));
    Ok(broken)
}

struct Output {
    name: String,
    writer: BufWriter<Box<dyn Write>>,
}

struct WriteError {
    name: String,
    error: io::Error,
}

impl Output {
    fn create(name: &str) -> io::Result<Self> {
        let writer: Box<dyn Write> = if name == "-" { Box::new(io::stdout()) } else { Box::new(File::create(name)?) };
        Ok(Self { name: name.to_owned(), writer: BufWriter::new(writer) })
    }

    fn line(&mut self, text: &str) -> Result<(), WriteError> {
        writeln!(self.writer, "{}", shown::json(text)).map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.writer.flush().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> WriteError {
        WriteError { name: self.name.clone(), error }
    }
}
