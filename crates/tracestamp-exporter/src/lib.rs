//! Reads span records from the spool and delivers them by OTLP.
//!
//! ```text
//! spool ── next_batch ──▶ decode ──▶ drop what was sent ──▶ request < 4 MiB ──▶ gRPC or HTTP
//!       ◀── commit ───────────────── sent, refused for good or dropped ◀────────────┘
//! ```
//!
//! **Invariant: a record leaves the spool only after the receiver took it or refused it for good.** Killed in between,
//! the exporter sends it again; everything else is retried for ever, for the spool is the memory. A record of a newer version
//! stays in its segment, which is set aside.

mod args;
mod backoff;
mod exporter;
mod metrics;
pub mod otlp;
mod own_traces;
mod receiver;
mod recent;
mod settings;
mod transport;

use anyhow::Context;
use tracestamp_runtime::{admin, metrics as runtime_metrics, shown, shutdown};
use tracestamp_spool::Reader;

pub use args::Args;
pub use backoff::Backoff;
pub use exporter::{Exporter, Options};
pub use metrics::Metrics;
pub use recent::RecentIds;
pub use settings::{Identity, InvalidSetting, OtlpArgs, Protocol, Target};

pub(crate) const USER_AGENT: &str = concat!("tracestamp-exporter/", env!("CARGO_PKG_VERSION"));

/// Files that are open besides the admin port's, generously: the spool, the receiver, settings while they are read.
const OTHER_FILES: usize = 64;

/// Runs the process until a signal ended it and the spool is empty. An [`InvalidSetting`] is the operator's.
pub async fn run(args: Args) -> anyhow::Result<()> {
    tracestamp_runtime::raise_open_files(admin::OPEN_FILES + OTHER_FILES);
    let shutdown = shutdown::listen().context("cannot listen for signals")?;
    let mut registry = runtime_metrics::registry("exporter", env!("CARGO_PKG_VERSION"));
    let metrics = Metrics::new(&mut registry);
    let options = Options::try_from(&args)?;
    let reader = Reader::open(&args.spool_dir)
        .with_context(|| format!("cannot open the spool {} (--spool-dir)", shown::path(&args.spool_dir)))?;
    let exporter = Exporter::new(reader, args.otlp, options, metrics)?;
    let listener = admin::bind(args.admin_address)
        .await
        .with_context(|| format!("cannot listen on {} (--admin-address)", args.admin_address))?;
    admin::serve(listener, registry, admin::Readiness::default())
        .context("the admin port's thread cannot be started")?;
    exporter.run(shutdown).await;
    Ok(())
}
