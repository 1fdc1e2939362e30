//! Where span records go.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tracestamp_runtime::{parse_bytes, parse_duration, shown};
use tracestamp_spool::{Limits, Writer};

/// The flags of the spool.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Spool")]
pub(crate) struct SpoolArgs {
    /// Directory that the exporter reads: a volume that both containers mount.
    #[arg(long, env = "TRACESTAMP_SPOOL_DIR", value_name = "DIRECTORY", default_value = "/var/spool/tracestamp")]
    pub(crate) spool_dir: PathBuf,
    /// Maximum size of what waits there for the exporter, in bytes or with Ki, Mi, Gi. Past it spans are dropped and
    /// counted.
    #[arg(long, env = "TRACESTAMP_SPOOL_MAX_BYTES", value_name = "BYTES", default_value = "256Mi", value_parser = parse_bytes)]
    pub(crate) spool_max_bytes: u64,
    /// Size of one file there, in bytes or with Ki, Mi, Gi.
    #[arg(long, env = "TRACESTAMP_SPOOL_SEGMENT_BYTES", value_name = "BYTES", default_value = "8Mi", value_parser = parse_bytes)]
    pub(crate) spool_segment_bytes: u64,
    /// How long the answer to a review waits until its spans are written; never past the review's own deadline. Spans that
    /// take longer are written after the answer, and counted as late.
    #[arg(long, env = "TRACESTAMP_APPEND_TIMEOUT", value_name = "DURATION", default_value = "50ms", value_parser = parse_duration)]
    pub(crate) append_timeout: Duration,
}

impl SpoolArgs {
    /// Opens the spool for writing.
    pub(crate) fn open(&self) -> anyhow::Result<Writer> {
        let Self { spool_dir, spool_max_bytes, spool_segment_bytes, append_timeout: _ } = self;
        let limits = Limits { max_bytes: *spool_max_bytes, segment_bytes: *spool_segment_bytes };
        Writer::open(spool_dir, limits)
            .with_context(|| format!("--spool-dir {} cannot be used", shown::path(spool_dir)))
    }
}
