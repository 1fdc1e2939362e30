//! Sends records as the exporter does: through a spool of its own, by the exporter's own loop.

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tracestamp_exporter::otlp::ResourceSettings;
use tracestamp_exporter::{Backoff, Exporter, Metrics, Options, OtlpArgs};
use tracestamp_runtime::metrics::registry;
use tracestamp_spool::{AppendError, Limits, Reader, Writer};

/// A spool that is gone with it.
pub(super) struct Delivery {
    directory: TempDir,
    writer: Writer,
}

impl Delivery {
    /// Holds `max_bytes` of records and their frames. `Err` when there is no temporary directory to write to.
    pub(super) fn new(max_bytes: u64) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("no temporary directory (TMPDIR)")?;
        let limits = Limits { max_bytes, segment_bytes: 8 << 20 };
        let writer = Writer::open(directory.path(), limits)?;
        Ok(Self { directory, writer })
    }

    /// `Err` when there is no room for them.
    pub(super) fn add(&mut self, records: &[Vec<u8>]) -> anyhow::Result<()> {
        self.writer.append(records).map_err(|error| match error {
            AppendError::Full { max_bytes, .. } => {
                anyhow!(
                    "the spans exceed {max_bytes} bytes: take a shorter --since, or one --namespace after the other"
                )
            }
            error => error.into(),
        })
    }

    /// Sends everything. Fails when not all of it was taken within `timeout`.
    pub(super) async fn send(
        self,
        otlp: OtlpArgs,
        resource: ResourceSettings,
        timeout: Duration,
    ) -> anyhow::Result<()> {
        let Self { directory, writer } = self;
        drop(writer);
        let mut registry = registry("backfill", env!("CARGO_PKG_VERSION"));
        let metrics = Metrics::new(&mut registry);
        let options = Options {
            poll_interval: Duration::from_millis(50),
            reload_interval: Duration::from_mins(1),
            drain: timeout,
            max_request_bytes: 4_000_000,
            backoff: Backoff::default(),
            own_traces: false,
            resource,
        };
        let exporter = Exporter::new(Reader::open(directory.path())?, otlp, options, metrics.clone())?;
        // Told to leave before it begins, it leaves when the spool is empty.
        let leave = CancellationToken::new();
        leave.cancel();
        exporter.run(leave).await;
        let waiting = Reader::open(directory.path())?.stats()?.bytes;
        ensure!(waiting == 0, "the backend did not take all of it in the {} s that were left", timeout.as_secs());
        ensure!(metrics.lost() == 0, "the backend refused {} spans; the log says why", metrics.lost());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_do_not_end_fill_no_disk() {
        let mut delivery = Delivery::new(10_000).unwrap();
        let added = (0..1000).map_while(|_| delivery.add(&[vec![0; 100]]).ok()).count();
        assert!((50..100).contains(&added), "{added}");
        let error = delivery.add(&[vec![0; 100]]).unwrap_err().to_string();
        assert!(error.contains("10000 bytes") && error.contains("--since"), "{error}");
    }
}
