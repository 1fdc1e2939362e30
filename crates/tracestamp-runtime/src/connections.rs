//! The connections of one port: how many, how long and with how large headers. Both ports are served by this code.

mod metrics;
mod slots;

use std::convert::Infallible;
use std::io;
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
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

pub(crate) use metrics::ServerMetrics;
use slots::{Slot, Slots, Stage};

/// What a connection may hold of a request's header. The API server and Prometheus send less than 1 KiB.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// Evicted connections whose task has not closed them yet, and so still have a descriptor.
const CLOSING: usize = 32;

/// Pause after a failed accept: out of file descriptors, trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Descriptors that a port with this many connections can have open.
pub(crate) const fn open_files(max_connections: usize) -> usize {
    max_connections + CLOSING
}

/// Bounds of a port.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_connections: usize,
    /// How long a connection may be idle or take for a request's header: hyper has one clock for both.
    pub(crate) idle_timeout: Duration,
    /// When set, a connection is closed after one request, and after this time in any case.
    pub(crate) one_request_within: Option<Duration>,
}

/// The TLS of a port.
#[derive(Clone)]
pub(crate) struct Handshakes {
    pub(crate) config: Arc<ServerConfig>,
    /// How long a handshake may take.
    pub(crate) timeout: Duration,
}

/// What all connections of a port share.
#[derive(Clone)]
pub(crate) struct Connections {
    bounds: Bounds,
    /// `None` for plain HTTP.
    tls: Option<Handshakes>,
    slots: Arc<Slots>,
    descriptors: Arc<Semaphore>,
    metrics: ServerMetrics,
}

impl Connections {
    pub(crate) fn new(bounds: Bounds, tls: Option<Handshakes>, metrics: ServerMetrics) -> Self {
        let slots = Slots::new(bounds.max_connections);
        let descriptors = Arc::new(Semaphore::new(open_files(bounds.max_connections)));
        Self { bounds, tls, slots, descriptors, metrics }
    }

    /// Accepts connections and serves each in a task of its own, until `end` is ready.
    pub(crate) async fn accept(
        &self,
        listener: &TcpListener,
        router: &Router,
        graceful: &GracefulShutdown,
        end: impl Future<Output = ()>,
    ) {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                accepted = self.next(listener) => match accepted {
                    // The watcher lives from here on, so that a drain waits for handshakes too.
                    Ok((stream, peer, descriptor)) => {
                        self.spawn(stream, peer, descriptor, router.clone(), graceful.watcher());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "Accepting a connection failed.");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    async fn next(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let descriptor = Arc::clone(&self.descriptors).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer, descriptor))
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        descriptor: OwnedSemaphorePermit,
        router: Router,
        watcher: Watcher,
    ) {
        let (slot, evicted) = self.slots.take(peer.ip());
        if evicted {
            self.metrics.evicted.inc();
        }
        let this = self.clone();
        tokio::spawn(async move {
            let _open = (this.metrics.open(), descriptor);
            let lifetime = this.bounds.one_request_within.unwrap_or(Duration::MAX);
            tokio::select! {
                served = tokio::time::timeout(lifetime, this.serve(stream, peer, router, watcher, &slot)) => {
                    if served.is_err() {
                        tracing::debug!(%peer, "Closed a connection: its one request took too long.");
                    }
                }
                () = slot.evicted.cancelled() => tracing::debug!(%peer, "Evicted a connection: all slots are taken."),
            }
        });
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher, slot: &Slot) {
        // A failure only costs latency.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY failed.");
        }
        let Some(tls) = &self.tls else { return self.answer_requests(stream, peer, router, watcher, slot).await };
        let handshake = handshake(Arc::clone(&tls.config), stream, slot);
        match tokio::time::timeout(tls.timeout, handshake).await {
            Ok(Ok(stream)) => self.answer_requests(stream, peer, router, watcher, slot).await,
            Ok(Err(error)) => {
                self.metrics.handshake_failed("error");
                tracing::debug!(%peer, %error, "The TLS handshake failed.");
            }
            Err(_) => {
                self.metrics.handshake_failed("timeout");
                tracing::debug!(%peer, "The TLS handshake took too long.");
            }
        }
    }

    async fn answer_requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        router: Router,
        watcher: Watcher,
        slot: &Slot,
    ) {
        let connection = http1::Builder::new()
            // Without a timer hyper panics as soon as a timeout is set.
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.idle_timeout)
            .max_buf_size(MAX_HEADER_BYTES)
            .keep_alive(self.bounds.one_request_within.is_none())
            .serve_connection(TokioIo::new(stream), service_fn(|request| answer(router.clone(), request, slot)));
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "The connection ended in an error.");
        }
    }
}

/// The handshake in two steps, so that a whole `ClientHello` is seen: sending less is no reason to stay.
async fn handshake(config: Arc<ServerConfig>, stream: TcpStream, slot: &Slot) -> io::Result<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    slot.enter(Stage::Handshake);
    hello.into_stream(config).await
}

async fn answer(router: Router, request: Request<Incoming>, slot: &Slot) -> Result<Response<Body>, Infallible> {
    slot.enter(Stage::Request);
    let response = router.oneshot(request).await?;
    slot.answered(response.status().is_success());
    Ok(response)
}
