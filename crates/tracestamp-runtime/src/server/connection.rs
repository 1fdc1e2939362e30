//! One connection: its slot, its handshake, its requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::metrics::ServerMetrics;
use super::without_delay;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) acceptor: TlsAcceptor,
    pub(super) slots: Arc<Semaphore>,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) metrics: ServerMetrics,
}

impl Connections {
    /// Serves the connection in a task of its own, when there is a slot. The watcher lives from here on, so that a
    /// drain waits for handshakes too.
    pub(super) fn spawn(&self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.refused.inc();
            tracing::debug!(%peer, "Refused a connection: all slots are taken.");
            return;
        };
        let this = self.clone();
        tokio::spawn(async move {
            let _open = this.metrics.open();
            this.serve(without_delay(stream), peer, router, watcher).await;
            drop(slot);
        });
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
        let Some(stream) = self.handshake(stream, peer).await else { return };
        let connection = http1::Builder::new()
            // Without a timer hyper panics as soon as a timeout is set.
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "The connection ended in an error.");
        }
    }

    async fn handshake(&self, stream: TcpStream, peer: SocketAddr) -> Option<TlsStream<TcpStream>> {
        match tokio::time::timeout(self.handshake_timeout, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                self.metrics.handshake_failed("error");
                tracing::debug!(%peer, %error, "The TLS handshake failed.");
                None
            }
            Err(_) => {
                self.metrics.handshake_failed("timeout");
                tracing::debug!(%peer, "The TLS handshake took too long.");
                None
            }
        }
    }
}
