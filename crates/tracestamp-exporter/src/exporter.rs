//! The delivery loop.

mod delivery;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracestamp_spool::{Counts, Reader, Stats};

use crate::otlp::ResourceSettings;
use crate::receiver::{Look, Receivers};
use crate::{Args, Backoff, InvalidSetting, Metrics, OtlpArgs, RecentIds};

/// Bounds of what is held in memory at once. The bytes of records are close to those of the requests made of them.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 3 << 20;
/// The wait after the spool itself failed.
const SPOOL_FAILURE: Duration = Duration::from_secs(1);

/// What the loop may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long an empty spool is left alone.
    pub poll_interval: Duration,
    /// How often the settings' files are compared.
    pub reload_interval: Duration,
    /// How long delivery may go on after the signal to end.
    pub drain: Duration,
    /// The largest request in bytes before compression.
    pub max_request_bytes: usize,
    /// The waits after failures that set none themselves.
    pub backoff: Backoff,
    /// Whether deliveries are traced.
    pub own_traces: bool,
    /// What is added to the records' resources.
    pub resource: ResourceSettings,
}

impl TryFrom<&Args> for Options {
    type Error = InvalidSetting;

    fn try_from(args: &Args) -> Result<Self, InvalidSetting> {
        let resource = ResourceSettings::new(&args.resource_attributes, &args.service_name)
            .map_err(|error| InvalidSetting::new("--resource-attributes (OTEL_RESOURCE_ATTRIBUTES)", error))?;
        Ok(Self {
            poll_interval: args.poll_interval,
            reload_interval: args.reload_interval,
            drain: args.drain_timeout,
            max_request_bytes: args.max_request_bytes,
            backoff: Backoff::default(),
            own_traces: args.own_traces,
            resource,
        })
    }
}

/// Moves records from the spool to the receiver. Its reads and the cursor's sync block its thread for milliseconds: it
/// wants a runtime with more than one.
#[derive(Debug)]
pub struct Exporter {
    reader: Reader,
    receivers: Receivers,
    options: Options,
    metrics: Metrics,
    recent: RecentIds,
    seen: Counts,
}

impl Exporter {
    /// Fails when the settings cannot be used; does not connect yet. Needs a Tokio runtime.
    pub fn new(reader: Reader, otlp: OtlpArgs, options: Options, metrics: Metrics) -> Result<Self, InvalidSetting> {
        let receivers = Receivers::new(otlp, options.own_traces, options.reload_interval)?;
        Ok(Self { reader, receivers, options, metrics, recent: RecentIds::default(), seen: Counts::default() })
    }

    /// Delivers until `shutdown`, and then until the spool is empty and its writers are gone, or the time for that is
    /// over. Dropping the future loses nothing: what is not committed is sent again by the next exporter.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let drain = self.options.drain;
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(drain).await;
        };
        let in_time = tokio::select! {
            () = self.deliver_until(&shutdown) => true,
            () = deadline => false,
        };
        if let Some(receiver) = self.receivers.current.take() {
            receiver.close().await;
        }
        let bytes = self.look_at_spool().map(|stats| stats.bytes);
        if in_time {
            tracing::info!(bytes, "Leaving.");
        } else {
            tracing::warn!(bytes, "Leaving before the spool was empty and its writers were gone.");
        }
    }

    async fn deliver_until(&mut self, shutdown: &CancellationToken) {
        loop {
            // Before the look at the spool: what was written until the signal has to be seen.
            let leaving = shutdown.is_cancelled();
            self.look_at_settings();
            let stats = self.look_at_spool();
            let off = self.receivers.current.is_none();
            let drained = stats.is_some_and(|stats| stats.bytes == 0 && stats.owned_segments == 0);
            if leaving && (off || drained) {
                return;
            }
            if off || !self.deliver_batch().await {
                self.idle(shutdown).await;
            }
        }
    }

    /// False when there was nothing to deliver.
    async fn deliver_batch(&mut self) -> bool {
        let mut batch = match self.reader.next_batch(BATCH_RECORDS, BATCH_BYTES) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "Cannot read the spool.");
                tokio::time::sleep(SPOOL_FAILURE).await;
                return true;
            }
        };
        let found = !batch.is_empty();
        self.deliver(&mut batch).await;
        // Damage alone gives nothing to wait for, and the end of the process must not wait for the end of the damage.
        tokio::task::yield_now().await;
        if let Err(error) = self.reader.commit(batch) {
            // They will be read again, and not sent again: their ids are remembered.
            tracing::error!(%error, "Cannot take delivered records off the spool.");
            tokio::time::sleep(SPOOL_FAILURE).await;
        }
        found
    }

    async fn idle(&self, shutdown: &CancellationToken) {
        let poll = tokio::time::sleep(self.options.poll_interval);
        tokio::select! {
            () = poll => {}
            () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
        }
    }

    /// Whether the receiver is another one now.
    fn look_at_settings(&mut self) -> bool {
        let look = self.receivers.look();
        if look == Look::Unusable {
            self.metrics.settings_error();
        }
        look == Look::Changed
    }

    fn look_at_spool(&mut self) -> Option<Stats> {
        let stats =
            self.reader.stats().inspect_err(|error| tracing::error!(%error, "Cannot look at the spool.")).ok()?;
        self.metrics.spool(&stats, &self.seen);
        self.seen = stats.counts;
        Some(stats)
    }
}
