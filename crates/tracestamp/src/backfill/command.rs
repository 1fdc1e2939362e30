//! The command line of `backfill`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, timeout};
use tracestamp_exporter::OtlpArgs;
use tracestamp_exporter::otlp::ResourceSettings;
use tracestamp_runtime::log::LogArgs;
use tracestamp_runtime::parse_duration;
use tracestamp_webhook::StampArgs;

use super::delivery::Delivery;
use super::{Backfill, Gone, cluster};
use crate::kubeconfig::{KubeArgs, parse_namespace};

/// The most that spans may occupy on the disk before they are sent, 1 GiB: two million of them.
const SPOOL_BYTES: u64 = 1 << 30;

/// Sends the spans of runs and Pods that are still there, for when every replica was away.
///
/// Lists PipelineRuns, TaskRuns, CustomRuns and their Pods, and decides about each as the webhook does. Takes the settings
/// of both processes, which must be theirs: run it with the same environment. What was sent before is sent again with equal
/// ids and contents. Not told are schedule and sandbox of Pods that ended, and what was deleted; what is known to be gone is
/// listed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    kube: KubeArgs,
    /// How far back: spans that ended earlier are left out.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    since: Duration,
    /// A namespace to look at; may be given several times. By default those that the registration selects.
    #[arg(long = "namespace", value_name = "NAME", value_parser = parse_namespace)]
    namespaces: Vec<String>,
    /// How long all of it may take: listing, deciding and delivering. Nothing is delivered unless all was listed.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    within: Duration,
    /// Only says what would be sent.
    #[arg(long)]
    dry_run: bool,
    /// As the exporter's.
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", value_name = "LIST", default_value = "", hide_default_value = true)]
    resource_attributes: String,
    /// As the exporter's: replaces the service.name of every span.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    replace_service_name: String,
    #[command(flatten)]
    stamp: StampArgs,
    #[command(flatten)]
    otlp: OtlpArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Lists, decides and sends.
pub fn run(args: Args) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.context("no runtime").and_then(|runtime| runtime.block_on(backfill(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::say(&format!("backfill: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn backfill(args: Args) -> anyhow::Result<()> {
    let Args { kube, since, namespaces, within, dry_run, resource_attributes, replace_service_name, .. } = args;
    args.log.init()?;
    let resource = ResourceSettings::new(&resource_attributes, &replace_service_name)
        .context("--resource-attributes (OTEL_RESOURCE_ATTRIBUTES)")?;
    if args.otlp.target()?.is_none() && !dry_run {
        anyhow::bail!("no endpoint: set OTEL_EXPORTER_OTLP_ENDPOINT as it is for the exporter");
    }
    let now = tracestamp_runtime::now();
    let since = now.minus_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let backfill = Backfill { config: args.stamp.into_config()?, since };
    let mut delivery = Delivery::new(SPOOL_BYTES)?;
    let (mut objects, mut spans, mut gone) = (0_usize, 0_usize, Gone::default());
    let list = async {
        let client = kube.client().await?;
        let namespaces = if namespaces.is_empty() { cluster::namespaces(&client).await? } else { namespaces };
        for namespace in &namespaces {
            let each = cluster::each(&client, namespace, |kind, object| {
                let records = backfill.records(kind, &object, now);
                gone.look(kind, &object);
                objects += 1;
                spans += records.len();
                if records.is_empty() { Ok(()) } else { delivery.add(&records) }
            });
            each.await?;
        }
        anyhow::Ok(namespaces.len())
    };
    let begun = Instant::now();
    let listed = timeout(within, list).await.ok().with_context(|| {
        format!("the API server did not list everything within {} s (--within), nothing was sent", within.as_secs())
    })?;
    let namespaces = listed.context("nothing was sent")?;
    crate::say(&format!("{objects} objects of {namespaces} namespaces give {spans} spans"));
    if gone.is_cut() {
        crate::say(&"too many objects to say which others are gone");
    }
    for name in gone.names() {
        crate::say(&format!("gone, so not told: {name}"));
    }
    if dry_run || spans == 0 {
        return Ok(());
    }
    delivery.send(args.otlp, resource, within.saturating_sub(begun.elapsed())).await?;
    crate::say(&"all of them were delivered");
    Ok(())
}
