//! What is counted about connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::{Registry, register};

/// The default is registered nowhere.
#[derive(Clone, Default)]
pub(crate) struct ServerMetrics {
    open: Gauge,
    accepted: Counter,
    pub(super) evicted: Counter,
    handshakes_failed: Family<Reason, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counts a connection as open until it is dropped.
pub(super) struct Open(Gauge);

impl ServerMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        Self {
            open: register(registry, "connections", "Connections that are open"),
            accepted: register(registry, "connections_accepted", "Connections that got a slot"),
            evicted: register(registry, "connections_evicted", "Connections closed because all slots were taken"),
            handshakes_failed: register(registry, "handshakes_failed", "TLS handshakes that failed"),
        }
    }

    pub(super) fn open(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    pub(super) fn handshake_failed(&self, reason: &'static str) {
        self.handshakes_failed.get_or_create(&Reason { reason }).inc();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
