//! The process' own log, on standard error.

mod line;

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use line::{JsonLine, TextFields};

/// The flags of the log, to be flattened into a process' own.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// What is logged: off, error, warn, info, debug or trace, also by module: `info,tracestamp_webhook=debug`.
    #[arg(long, env = "TRACESTAMP_LOG_LEVEL", value_name = "FILTER", default_value = "info")]
    pub log_level: Targets,
    /// How a line is written.
    #[arg(long, env = "TRACESTAMP_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Starts the log. Fails when the process has one already.
    pub fn init(self) -> Result<(), TryInitError> {
        let Self { log_level, log_format } = self;
        let registry = tracing_subscriber::registry().with(log_level);
        let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        match log_format {
            LogFormat::Text => {
                let format = format.with_ansi(std::io::stderr().is_terminal()).fmt_fields(TextFields);
                registry.with(format).try_init()
            }
            LogFormat::Json => registry.with(format.event_format(JsonLine)).try_init(),
        }?;
        log_panics();
        Ok(())
    }
}

/// A panic is logged by its place alone: its message may quote the object that caused it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "Panicked.");
    }));
}
