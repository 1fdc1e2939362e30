//! What an operator can watch.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tracestamp_runtime::metrics::{Registry, register};
use tracestamp_spool::{Counts, Stats};

/// Why spans are lost for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DropReason {
    /// One span alone is larger than a request may be.
    TooLarge,
    /// The receiver refused the request for good.
    Refused,
    /// The record cannot be read.
    Undecodable,
    /// The receiver took the request without them.
    Rejected,
}

impl DropReason {
    const ALL: [Self; 4] = [Self::TooLarge, Self::Refused, Self::Undecodable, Self::Rejected];

    const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Undecodable => "undecodable",
            Self::Rejected => "rejected",
        }
    }
}

/// Damage of the spool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Damage {
    Torn,
    Quarantined,
    Unreadable,
    Cursor,
}

impl Damage {
    const ALL: [Self; 4] = [Self::Torn, Self::Quarantined, Self::Unreadable, Self::Cursor];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
            Self::Cursor => "cursor",
        }
    }

    const fn count(self, counts: &Counts) -> u64 {
        match self {
            Self::Torn => counts.torn,
            Self::Quarantined => counts.quarantined,
            Self::Unreadable => counts.unreadable,
            Self::Cursor => counts.cursor,
        }
    }
}

/// The exporter's metrics, named `tracestamp_…`. Clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) delivered: Counter,
    pub(crate) duplicates: Counter,
    dropped: Family<Reason, Counter>,
    deliveries: Family<Outcome, Counter>,
    backend_errors: Family<Code, Counter>,
    spool_bytes: Gauge,
    spool_oldest_age: Gauge<f64, AtomicU64>,
    spool_damage: Family<Reason, Counter>,
    spool_corrupt_bytes: Counter,
    settings_errors: Counter,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Code {
    code: String,
}

impl Metrics {
    pub fn new(registry: &mut Registry) -> Self {
        let dropped: Family<Reason, Counter> = register(registry, "spans_dropped", "Spans lost for good, by reason");
        let spool_damage: Family<Reason, Counter> =
            register(registry, "spool_damage", "Damage found in the spool, by reason");
        // Shown from the start: of a counter that begins with its first event a rate shows nothing.
        for reason in DropReason::ALL {
            drop(dropped.get_or_create(&Reason { reason: reason.as_str() }));
        }
        for damage in Damage::ALL {
            drop(spool_damage.get_or_create(&Reason { reason: damage.as_str() }));
        }
        Self {
            delivered: register(registry, "spans_delivered", "Spans that the receiver took"),
            duplicates: register(registry, "spans_duplicate", "Spans not sent because their id was sent before"),
            dropped,
            deliveries: register(registry, "deliveries", "Attempts to deliver a request, by result"),
            backend_errors: register(registry, "backend_errors", "Failed attempts by HTTP status or gRPC code"),
            spool_bytes: register(registry, "spool_bytes", "Bytes in the spool that are not delivered yet"),
            spool_oldest_age: register(
                registry,
                "spool_oldest_age_seconds",
                "Upper bound of how long the oldest undelivered span has been waiting",
            ),
            spool_damage,
            spool_corrupt_bytes: register(registry, "spool_corrupt_bytes", "Bytes in the spool that were no record"),
            settings_errors: register(registry, "settings_errors", "Changed files that could not be used"),
        }
    }

    /// How many spans were lost for good.
    pub fn lost(&self) -> u64 {
        DropReason::ALL
            .into_iter()
            .map(|reason| self.dropped.get_or_create(&Reason { reason: reason.as_str() }).get())
            .sum()
    }

    pub(crate) fn dropped(&self, reason: DropReason, spans: usize) {
        self.dropped.get_or_create(&Reason { reason: reason.as_str() }).inc_by(spans as u64);
    }

    pub(crate) fn delivery(&self, result: &'static str) {
        self.deliveries.get_or_create(&Outcome { result }).inc();
    }

    pub(crate) fn backend_error(&self, code: &str) {
        self.backend_errors.get_or_create(&Code { code: code.to_owned() }).inc();
    }

    pub(crate) fn settings_error(&self) {
        self.settings_errors.inc();
    }

    /// Shows the spool's state; `seen` is what was counted up to the last call.
    pub(crate) fn spool(&self, stats: &Stats, seen: &Counts) {
        self.spool_bytes.set(i64::try_from(stats.bytes).unwrap_or(i64::MAX));
        self.spool_oldest_age.set(stats.oldest_age.as_secs_f64());
        let now = &stats.counts;
        for damage in Damage::ALL {
            let added = damage.count(now).saturating_sub(damage.count(seen));
            self.spool_damage.get_or_create(&Reason { reason: damage.as_str() }).inc_by(added);
        }
        self.spool_corrupt_bytes.inc_by(now.corrupt_bytes - seen.corrupt_bytes);
    }
}
