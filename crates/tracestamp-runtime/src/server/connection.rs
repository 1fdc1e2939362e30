//! One connection: its slot, its handshake, its requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::metrics::ServerMetrics;
use super::slots::{Slot, Slots};
use super::without_delay;

/// What a connection may hold of a request's header. The API server sends less than 1 KiB.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) acceptor: TlsAcceptor,
    pub(super) slots: Arc<Slots>,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) metrics: ServerMetrics,
}

impl Connections {
    /// Serves the connection in a task of its own. The watcher lives from here on, so that a drain waits for
    /// handshakes too.
    pub(super) fn spawn(&self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
        let (slot, crowded) = self.slots.take();
        if crowded {
            self.metrics.evicted.inc();
        }
        let this = self.clone();
        tokio::spawn(async move {
            let _open = this.metrics.open();
            tokio::select! {
                () = this.serve(without_delay(stream), peer, router, watcher, &slot) => {}
                () = slot.evicted.cancelled() => tracing::debug!(%peer, "Closed a connection: all slots are taken."),
            }
        });
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher, slot: &Slot) {
        let Some(stream) = self.handshake(stream, peer).await else { return };
        let connection = http1::Builder::new()
            // Without a timer hyper panics as soon as a timeout is set.
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle_timeout)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service_fn(|request| answer(router.clone(), request, slot)));
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

async fn answer(router: Router, request: Request<Incoming>, slot: &Slot) -> Result<Response<Body>, Infallible> {
    slot.begin();
    let response = router.oneshot(request).await?;
    slot.end(response.status().is_success());
    Ok(response)
}
