//! The plain HTTP port for the kubelet and for Prometheus: `/live`, `/ready`, `/metrics`.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::connections::{Bounds, Connections, ServerMetrics, open_files};

/// One request a connection: the kubelet makes a connection for each probe, and Prometheus asks every few seconds.
const BOUNDS: Bounds = Bounds {
    max_connections: 128,
    idle_timeout: Duration::from_secs(10),
    one_request_within: Some(Duration::from_secs(10)),
};

/// Descriptors that the admin port can have open.
pub const OPEN_FILES: usize = open_files(BOUNDS.max_connections);

/// Named conditions that must all hold for the process to be ready.
///
/// With no condition the process is ready. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Condition>>>);

#[derive(Clone, Debug)]
struct Condition {
    ready: bool,
    detail: String,
}

/// One condition of a [`Readiness`].
#[derive(Clone, Debug)]
pub struct Check {
    readiness: Readiness,
    name: &'static str,
}

impl Readiness {
    /// Adds the condition `name`, which does not hold yet.
    pub fn check(&self, name: &'static str) -> Check {
        let check = Check { readiness: self.clone(), name };
        check.set(false, "starting");
        check
    }

    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.states().values().all(|state| state.ready)
    }

    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Condition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_json(&self) -> String {
        let states = self.states().clone();
        let ready = states.values().all(|state| state.ready);
        let checks: serde_json::Map<_, _> = states
            .iter()
            .map(|(name, state)| {
                ((*name).to_owned(), serde_json::json!({ "ready": state.ready, "detail": state.detail }))
            })
            .collect();
        serde_json::json!({ "ready": ready, "checks": checks }).to_string()
    }
}

impl Check {
    /// Says whether the condition holds, with a detail for people that must not quote objects.
    pub fn set(&self, ready: bool, detail: impl Into<String>) {
        self.readiness.states().insert(self.name, Condition { ready, detail: detail.into() });
    }
}

/// Binds the admin port; port 0 takes a free one.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = crate::bind::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "Serving the admin port.");
    Ok(listener)
}

/// Serves the admin port until the process ends: it answers through the whole shutdown. It has a thread of its own, so
/// that `/live` and `/ready` do not wait for whatever else the process does.
///
/// Fails when the thread cannot be started.
pub fn serve(listener: TcpListener, registry: Registry, readiness: Readiness) -> io::Result<()> {
    let (listener, router) = (listener.into_std()?, router(registry, readiness));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let connections = Connections::new(BOUNDS, None, ServerMetrics::default());
    let serve = async move {
        connections.accept(&listener, &router, &GracefulShutdown::new(), std::future::pending()).await;
    };
    std::thread::Builder::new().name("admin".to_owned()).spawn(move || runtime.block_on(serve)).map(drop)
}

/// The admin port's routes.
pub fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/live", get(async || "live\n"))
        .route("/ready", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)))
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], readiness.to_json()).into_response()
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
