//! `tracestamp demo`: the real webhook and the real exporter, with this command in the place of the API server on one
//! side and of the backend on the other.
//!
//! ```text
//! recording ──HTTPS──▶ tracestamp-webhook ──▶ spool ──▶ tracestamp-exporter ──OTLP/gRPC──▶ sink ──▶ terminal, HTML
//! ```

mod api_server;
mod certificate;
mod command;
mod process;
mod sink;

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tracestamp_runtime::shown;

pub use command::{Args, run};

use crate::recording::{Recording, Review};
use crate::replay::Replay;
use crate::say;
use api_server::ApiServer;
use certificate::Certificate;
use process::Process;
use sink::Sink;

/// How long a process may take to become ready, and to leave. Generous: builds for debugging on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came out of a recording.
struct Shown {
    /// The requests whose spans are to be shown.
    requests: Vec<ExportTraceServiceRequest>,
    /// What was found wrong on the way, when it did not end the demonstration.
    faults: u64,
}

/// Sends a recording through both processes.
async fn perform(mut recording: Recording, endpoint: Option<&str>) -> anyhow::Result<Shown> {
    let (reviews, mut faults) = read(&mut recording)?;
    let room = tempfile::Builder::new().prefix("tracestamp-demo-").tempdir()?;
    let sink = Sink::start().context("the OTLP sink cannot start")?;
    let target = endpoint.map_or_else(|| sink.endpoint(), str::to_owned);
    let certificate = Certificate::issue(api_server::HOST)?;
    let (exporter, webhook, address) = start(room.path(), &certificate, &target, endpoint.is_some()).await?;
    say(&format!("webhook   https://{address}, with a certificate made on the spot"));
    say(&format!("exporter  to {}", shown::url(&target)));

    let api_server = ApiServer::new(&certificate.ca, address)?;
    let mut stamped = 0_u64;
    for review in &reviews {
        match api_server.call(review).await {
            Ok(patched) => stamped += u64::from(patched),
            Err(error) => {
                faults += 1;
                say(&format!("line {}: {error:#}", review.line));
            }
        }
    }
    say(&format!("reviews   {} answered, {stamped} objects stamped", reviews.len()));

    // The exporter leaves when the spool is empty and its writer is gone, so the webhook goes first.
    webhook.stop(PATIENCE).await?;
    exporter.stop(PATIENCE).await?;

    let expected = replay(&reviews);
    // What a foreign receiver got cannot be asked for, but it is what the same decision gives here.
    let requests = if endpoint.is_none() { sink.received() } else { expected.clone() };
    let shown = span_ids(&requests);
    let missing = span_ids(&expected).difference(&shown).count();
    if missing > 0 {
        faults += 1;
        say(&format!("{missing} spans were not delivered"));
    }
    say(&format!("spans     {} delivered", shown.len()));
    Ok(Shown { requests, faults })
}

/// The reviews of a recording, and how many of its lines are broken.
fn read(recording: &mut Recording) -> anyhow::Result<(Vec<Review>, u64)> {
    let (mut reviews, mut broken) = (Vec::new(), 0);
    for item in recording {
        match item {
            Ok(review) => reviews.push(review),
            Err(error) => {
                broken += 1;
                say(&error);
            }
        }
    }
    if reviews.is_empty() {
        bail!("there is no review in the recording");
    }
    Ok((reviews, broken))
}

/// Starts both processes and waits until they are ready. Gives the address of the webhook, too.
async fn start(
    room: &Path,
    certificate: &Certificate,
    endpoint: &str,
    foreign: bool,
) -> anyhow::Result<(Process, Process, SocketAddr)> {
    let [address, webhook_admin, exporter_admin] = free_addresses()?;
    let spool = room.join("spool");
    std::fs::create_dir(&spool)?;
    let (chain, key) = certificate.write(room)?;

    let mut exporter = Process::command("tracestamp-exporter", endpoint, foreign)?;
    exporter
        .arg("--spool-dir")
        .arg(&spool)
        .args(["--admin-address", &exporter_admin.to_string()])
        .args(["--poll-interval", "50ms"]);
    let mut webhook = Process::command("tracestamp-webhook", endpoint, foreign)?;
    webhook
        .arg("--spool-dir")
        .arg(&spool)
        .args(["--address", &address.to_string()])
        .args(["--admin-address", &webhook_admin.to_string()])
        // No node has to learn that this Pod leaves, and a slow disk is to lose nothing here.
        .args(["--drain-delay", "0s", "--append-timeout", "2s", "--pod-events"])
        .arg("--tls-certificate")
        .arg(chain)
        .arg("--tls-key")
        .arg(key);
    let mut exporter = Process::start(exporter, room, exporter_admin)?;
    let mut webhook = Process::start(webhook, room, webhook_admin)?;
    exporter.ready(PATIENCE).await?;
    webhook.ready(PATIENCE).await?;
    Ok((exporter, webhook, address))
}

/// Addresses that were free a moment ago: the processes are told where to listen, so that none has to be asked.
fn free_addresses() -> anyhow::Result<[SocketAddr; 3]> {
    let free = || TcpListener::bind("127.0.0.1:0");
    // All are held until all are known, or the same could come twice.
    let held = [free()?, free()?, free()?];
    let [first, second, third] = &held;
    Ok([first.local_addr()?, second.local_addr()?, third.local_addr()?])
}

/// What the same decision gives here, in one piece.
fn replay(reviews: &[Review]) -> Vec<ExportTraceServiceRequest> {
    let mut replay = Replay::default();
    reviews.iter().filter_map(|review| replay.review(review).ok()?.request).collect()
}

fn span_ids(requests: &[ExportTraceServiceRequest]) -> HashSet<(&[u8], &[u8])> {
    let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|group| &group.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| (span.trace_id.as_slice(), span.span_id.as_slice())).collect()
}
