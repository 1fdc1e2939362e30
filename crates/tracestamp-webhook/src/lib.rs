//! The shell around the decision: HTTPS in, answer and span records out.
//!
//! ```text
//! body ──▶ decide ──▶ spans ──▶ recorder thread ──▶ spool      (at most the append timeout is waited for)
//!                ├──▶ answer, always allowed
//!                └──▶ Events wait for their Pods (pod_events) ──▶ spans
//! ```
//!
//! **Invariant: nothing here keeps a request from being admitted.** What cannot be done in time, on a full disk or
//! because of a fault of ours is dropped and counted, and the answer is HTTP 200, allowed, without a patch. Only what
//! cannot be answered because its `uid` cannot be read gets a 4xx, which `failurePolicy: Ignore` admits.

mod app;
mod args;
mod body;
mod deadline;
mod metrics;
mod pod_events;
mod pod_lookup;
mod recorder;
mod switch;

use std::sync::Arc;

use anyhow::Context;
use tracestamp_core::Config;
use tracestamp_runtime::admin::{self, Readiness};
use tracestamp_runtime::server::Server;
use tracestamp_runtime::shutdown;

use app::App;
use args::ServeArgs;
pub use args::{Args, StampArgs};
use body::Bodies;
use metrics::Metrics;
pub use pod_events::{Fate, Placed, PodEvents};
use pod_lookup::PodLookup;
use recorder::Recorder;
use switch::Switch;

/// Files that are open besides connections, generously: ports, the spool, settings while they are read.
const OTHER_FILES: usize = 64;

/// Runs the webhook until it is told to leave and has drained. The log is the caller's to start.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let Args { serve, tls, switch, spool, stamp, pod_events, drain, log: _ } = args;
    let limits = serve.limits().fit_open_files(OTHER_FILES);
    let ServeArgs { address, admin_address, max_body_bytes, max_bodies_bytes, reload_interval, .. } = serve;
    let shutdown = shutdown::listen().context("signals cannot be awaited")?;
    let mut registry = tracestamp_runtime::metrics::registry("webhook", env!("CARGO_PKG_VERSION"));
    let readiness = Readiness::default();
    let metrics = Metrics::new(&mut registry);

    // Whatever can be wrong with the settings is found before a port is bound.
    let config = Arc::new(Config { pod_events: pod_events.enabled, ..stamp.into_config()? });
    let tls = tls.load(&mut registry, readiness.check("certificate"))?;
    let append_timeout = spool.append_timeout;
    metrics.spool_max_bytes.set(i64::try_from(spool.spool_max_bytes).unwrap_or(i64::MAX));
    let (recorder, recorded) = Recorder::start(spool.open()?, append_timeout, metrics.clone())?;
    let switch = Switch::new(switch, metrics.clone());
    let memory = pod_events.memory().map(Arc::new);
    let lookup = match (pod_events.lookup, memory.clone()) {
        (Some(after), Some(memory)) => {
            let api_server = &pod_events.api_server;
            Some(PodLookup::new(after, api_server, Arc::clone(&config), memory, recorder.clone(), metrics.clone())?)
        }
        _ => None,
    };

    let server = Server::bind(address, &tls, &limits, &mut registry)
        .await
        .with_context(|| format!("--address {address} cannot be bound"))?;
    let admin =
        admin::bind(admin_address).await.with_context(|| format!("--admin-address {admin_address} cannot be bound"))?;
    tracing::info!(address = %server.local_addr()?, "Serving reviews.");

    admin::serve(admin, registry, readiness.clone()).context("the admin port's thread cannot be started")?;
    tls.reload.spawn(reload_interval);
    switch.spawn(reload_interval);
    let bodies = Bodies::new(max_body_bytes, max_bodies_bytes);
    let lookup = lookup.map(|lookup| tokio::spawn(lookup.run()));
    let app = App::new(config, switch, recorder, metrics, bodies, memory);
    server.serve(Arc::new(app).router(), shutdown, drain, readiness.check("server")).await;
    if let Some(lookup) = lookup {
        lookup.abort();
    }
    recorded.await_end().await;
    Ok(())
}
