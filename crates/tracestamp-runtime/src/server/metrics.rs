//! What the server counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::{Registry, register};

#[derive(Clone)]
pub(super) struct ServerMetrics {
    open: Gauge,
    accepted: Counter,
    pub(super) evicted: Counter,
    handshakes_failed: Family<Reason, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counts a connection as open for as long as it lives.
pub(super) struct Open(Gauge);

impl ServerMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            open: register(registry, "connections", "Connections that are open"),
            accepted: register(registry, "connections_accepted", "Connections that got a slot"),
            evicted: register(registry, "connections_evicted", "Connections closed to make room for another"),
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
