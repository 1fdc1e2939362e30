//! The TLS server: HTTP/1.1 over TLS 1.2 or 1.3.

mod connection;
mod metrics;
mod slots;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response_with_state;
use axum::response::Response;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::admin::Check;
use crate::bind::bind;
use crate::drain::DrainArgs;
use crate::metrics::Registry;
use crate::tls::Tls;
use connection::Connections;
use metrics::ServerMetrics;
use slots::Slots;

/// Pause after a failed accept: out of file descriptors, trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds on what clients may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once. For one more, the one that is worth least is closed: one on which no request was
    /// answered before one on which some were, the one longest without a sign first.
    pub max_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a connection may lie idle or take for a request's header: hyper has one clock for both. The API server
    /// pools idle connections for 90 s, so less loses requests.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 1024, handshake_timeout: Duration::from_secs(10), idle_timeout: Duration::from_mins(2) }
    }
}

/// A server whose port is bound.
pub struct Server {
    listener: TcpListener,
    connections: Connections,
}

impl Server {
    /// Binds the port; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, tls: &Tls, limits: &Limits, registry: &mut Registry) -> io::Result<Self> {
        let listener = bind(address).await?;
        let connections = Connections {
            acceptor: TlsAcceptor::from(Arc::clone(&tls.config)),
            slots: Slots::new(limits.max_connections),
            handshake_timeout: limits.handshake_timeout,
            idle_timeout: limits.idle_timeout,
            metrics: ServerMetrics::new(registry),
        };
        Ok(Self { listener, connections })
    }

    /// The address bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is cancelled and the drain is over; `ready` follows.
    pub async fn serve(self, router: Router, shutdown: CancellationToken, drain: DrainArgs, ready: Check) {
        let DrainArgs { drain_delay, drain_timeout } = drain;
        let router = router.layer(map_response_with_state(shutdown.clone(), close_when_draining));
        let graceful = GracefulShutdown::new();
        ready.set(true, "serving");
        {
            let draining = async {
                shutdown.cancelled().await;
                ready.set(false, "draining");
                tracing::info!(delay = ?drain_delay, "Draining.");
                tokio::time::sleep(drain_delay).await;
            };
            tokio::pin!(draining);
            loop {
                tokio::select! {
                    () = &mut draining => break,
                    accepted = self.listener.accept() => match accepted {
                        Ok((stream, peer)) => self.connections.spawn(stream, peer, router.clone(), graceful.watcher()),
                        Err(error) => {
                            tracing::warn!(%error, "Accepting a connection failed.");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    },
                }
            }
        }
        drop(self.listener);
        let open = graceful.count();
        if tokio::time::timeout(drain_timeout, graceful.shutdown()).await.is_err() {
            tracing::warn!(timeout = ?drain_timeout, "Left with requests under way.");
        }
        tracing::info!(connections = open, "Drained.");
    }
}

/// Makes the client take its next request to another replica.
async fn close_when_draining(State(shutdown): State<CancellationToken>, mut response: Response) -> Response {
    if shutdown.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A stream without Nagle's delay; a failure only costs latency.
fn without_delay(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY failed.");
    }
    stream
}
