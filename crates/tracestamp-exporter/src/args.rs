//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tracestamp_runtime::log::LogArgs;
use tracestamp_runtime::{parse_duration, parse_interval};

use crate::settings::OtlpArgs;

/// Delivers the spans that tracestamp-webhook left in the spool, by OTLP.
///
/// The standard variables of the OpenTelemetry specification say where to; the flags of the same names are for those
/// who prefer flags. Without an endpoint tracing is off and nothing is read.
#[derive(Parser, Clone, Debug)]
#[command(version, name = "tracestamp-exporter")]
pub struct Args {
    /// The directory shared with the webhook.
    #[arg(long, env = "TRACESTAMP_SPOOL_DIR", value_name = "DIRECTORY", default_value = "/var/spool/tracestamp")]
    pub spool_dir: PathBuf,
    /// Where /live, /ready and /metrics are served, by plain HTTP.
    #[arg(long, env = "TRACESTAMP_ADMIN_ADDRESS", value_name = "ADDRESS:PORT", default_value = "[::]:8081")]
    pub admin_address: SocketAddr,
    /// How long an empty spool is left alone before the next look.
    #[arg(long, env = "TRACESTAMP_POLL_INTERVAL", value_name = "DURATION", default_value = "250ms", value_parser = parse_interval)]
    pub poll_interval: Duration,
    /// How often the endpoint, header and certificate files are compared with what is in use.
    #[arg(long, env = "TRACESTAMP_RELOAD_INTERVAL", value_name = "DURATION", default_value = "10s", value_parser = parse_interval)]
    pub reload_interval: Duration,
    /// How long after SIGTERM delivery may go on until the spool is empty and its writers are gone.
    #[arg(long, env = "TRACESTAMP_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
    /// The largest request in bytes before compression. Receivers of OTLP/gRPC mostly refuse more than 4 MiB.
    #[arg(
        long, env = "TRACESTAMP_MAX_REQUEST_BYTES",
        value_name = "BYTES", default_value = "4000000",
        value_parser = parse_size
    )]
    pub max_request_bytes: usize,
    /// Also sends one span for each delivery, under service.name tracestamp-exporter. Needs the protocol grpc.
    #[arg(long, env = "TRACESTAMP_OWN_TRACES")]
    pub own_traces: bool,
    /// Attributes added to every resource that does not have them already, as key=value,key=value.
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", value_name = "LIST", default_value = "", hide_default_value = true)]
    pub resource_attributes: String,
    /// Replaces the service.name of every span.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    pub service_name: String,
    #[command(flatten)]
    pub otlp: OtlpArgs,
    #[command(flatten)]
    pub log: LogArgs,
}

fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = tracestamp_runtime::parse_bytes(text)?;
    usize::try_from(bytes).ok().filter(|&bytes| bytes > 0).ok_or_else(|| "it is out of range".to_owned())
}
