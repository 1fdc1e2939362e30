//! The TLS server: HTTP/1.1 over TLS 1.2 or 1.3.
//!
//! On hyper itself, because no wrapper (axum-server, warp, actix-web) has all of certificates reloaded from a mounted Secret,
//! `Connection: close` while draining, a limit of connections that evicts, and times for handshake and idle connections.

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
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Check};
use crate::bind::bind;
use crate::connections::{self, Bounds, Connections, Handshakes, ServerMetrics};
use crate::drain::DrainArgs;
use crate::metrics::Registry;
use crate::open_files::raise_open_files;
use crate::tls::Tls;

/// Bounds on what clients may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once. For one more another is evicted, of those that are the most: of clients that are at
    /// the same stage (handshake, idle, request under way), then of the same peer.
    pub max_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a connection may be idle or take for a request's header: hyper has one clock for both. The API server
    /// pools idle connections for 90 s, so less loses requests.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 1024, handshake_timeout: Duration::from_secs(10), idle_timeout: Duration::from_mins(2) }
    }
}

impl Limits {
    /// Raises the limit of open files to what this port, the admin port and `others` need. Where the system does not
    /// allow as many there are fewer connections, so that no review waits for a descriptor.
    #[must_use]
    pub fn fit_open_files(self, others: usize) -> Self {
        let missing = raise_open_files(connections::open_files(self.max_connections) + admin::OPEN_FILES + others);
        Self { max_connections: self.max_connections.saturating_sub(missing).max(1), ..self }
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
        let bounds = Bounds {
            max_connections: limits.max_connections,
            idle_timeout: limits.idle_timeout,
            one_request_within: None,
        };
        let tls = Handshakes { config: Arc::clone(&tls.config), timeout: limits.handshake_timeout };
        let connections = Connections::new(bounds, Some(tls), ServerMetrics::new(registry));
        Ok(Self { listener, connections })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is cancelled and the drain is over; `ready` follows.
    pub async fn serve(self, router: Router, shutdown: CancellationToken, drain: DrainArgs, ready: Check) {
        let DrainArgs { drain_delay, drain_timeout } = drain;
        let router = router.layer(map_response_with_state(shutdown.clone(), close_when_draining));
        let graceful = GracefulShutdown::new();
        ready.set(true, "serving");
        let draining = async {
            shutdown.cancelled().await;
            ready.set(false, "draining");
            tracing::info!(delay = ?drain_delay, "Draining.");
            tokio::time::sleep(drain_delay).await;
        };
        self.connections.accept(&self.listener, &router, &graceful, draining).await;
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
