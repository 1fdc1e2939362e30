//! Replaces the certificate when its files change.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use rustls::crypto::CryptoProvider;

use super::Store;
use super::files::{Files, Identity, Pair, PairError};
use crate::admin::Check;
use crate::metrics::{Registry, register};

/// Polls certificate and key. A watch on a mounted Secret goes stale when the kubelet swaps its symlink, so the bytes
/// are compared, as controller-runtime's certwatcher does.
pub struct Reload {
    files: Files,
    /// What the last poll found, so that a fault is counted and logged once and not at every poll.
    seen: Result<Pair, PairError>,
    store: Arc<Store>,
    provider: Arc<CryptoProvider>,
    check: Check,
    expiry: Gauge<i64, AtomicI64>,
    reloads: Family<Outcome, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

impl Reload {
    pub(super) fn new(
        files: Files,
        pair: Pair,
        identity: &Identity,
        store: Arc<Store>,
        provider: Arc<CryptoProvider>,
        registry: &mut Registry,
        check: Check,
    ) -> Self {
        let expiry: Gauge<i64, AtomicI64> =
            register(registry, "certificate_expiry_seconds", "When the certificate in use expires, as a Unix time");
        let reloads: Family<Outcome, Counter> =
            register(registry, "certificate_reloads", "Changes of the certificate files, taken or refused");
        // Told from the start: of a counter that begins with its first event a rate shows nothing.
        for result in ["success", "failure"] {
            drop(reloads.get_or_create(&Outcome { result }));
        }
        expiry.set(identity.not_after);
        check.set(true, "loaded");
        Self { files, seen: Ok(pair), store, provider, check, expiry, reloads }
    }

    /// Polls in the background for as long as the runtime lives.
    pub fn spawn(mut self, every: Duration) {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                // File systems block; a worker thread that answers reviews must not.
                let polled = tokio::task::spawn_blocking(move || {
                    self.poll();
                    self
                });
                match polled.await {
                    Ok(reload) => self = reload,
                    Err(_) => return,
                }
            }
        });
    }

    fn poll(&mut self) {
        let found = self.files.read();
        if found == self.seen {
            return;
        }
        let checked = match &found {
            Ok(pair) => self.files.check(pair, &self.provider),
            Err(error) => Err(error.clone()),
        };
        self.seen = found;
        match checked {
            Ok(identity) => {
                tracing::info!(not_after = identity.not_after, "Took the new certificate.");
                self.expiry.set(identity.not_after);
                self.store.replace(identity);
                self.count("success");
                self.check.set(true, "loaded");
            }
            Err(error) => {
                tracing::error!(%error, "Kept the old certificate: the new one cannot be used.");
                self.count("failure");
                self.check.set(true, format!("the old certificate is in use: {error}"));
            }
        }
    }

    fn count(&self, result: &'static str) {
        self.reloads.get_or_create(&Outcome { result }).inc();
    }
}
