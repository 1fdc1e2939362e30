//! The webhook's flags, each with an environment variable.

mod pod_events;
mod spool;
mod stamp;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tracestamp_runtime::drain::DrainArgs;
use tracestamp_runtime::log::LogArgs;
use tracestamp_runtime::server::Limits;
use tracestamp_runtime::tls::TlsArgs;
use tracestamp_runtime::{parse_bytes, parse_interval};

use crate::switch::SwitchArgs;
pub(crate) use pod_events::{ApiServerArgs, PodEventArgs};
pub(crate) use spool::SpoolArgs;
pub use stamp::StampArgs;

/// Stamps W3C trace context on Tekton's objects while the API server creates them, and records spans of what they do.
///
/// Serves /stamp for a MutatingWebhookConfiguration and /observe for a ValidatingWebhookConfiguration over HTTPS, and
/// /live, /ready and /metrics on a plain port of their own. Every review is allowed.
///
/// A body that is not an AdmissionReview of admission.k8s.io/v1 is answered with 400, one larger than --max-body-bytes
/// with 413, one that does not arrive in time with 408, and one for which there is no memory with 429. None of these has a
/// uid that could be answered, so the registration needs failurePolicy Ignore.
#[derive(Parser, Debug)]
#[command(name = "tracestamp-webhook", version, args_override_self = true)]
pub struct Args {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) switch: SwitchArgs,
    #[command(flatten)]
    pub(crate) spool: SpoolArgs,
    #[command(flatten)]
    pub(crate) stamp: StampArgs,
    #[command(flatten)]
    pub(crate) pod_events: PodEventArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl Args {
    /// The settings of the log.
    pub fn log(&self) -> LogArgs {
        self.log.clone()
    }
}

/// Ports and what clients may hold of them.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Serving")]
pub(crate) struct ServeArgs {
    /// Where reviews are served over HTTPS; port 0 takes a free one.
    #[arg(long, env = "TRACESTAMP_ADDRESS", value_name = "ADDRESS:PORT", default_value = "[::]:8443")]
    pub(crate) address: SocketAddr,
    /// Where /live, /ready and /metrics are served over plain HTTP; port 0 takes a free one.
    #[arg(long, env = "TRACESTAMP_ADMIN_ADDRESS", value_name = "ADDRESS:PORT", default_value = "[::]:8080")]
    pub(crate) admin_address: SocketAddr,
    /// Maximum number of open connections. When one more arrives, an existing one is closed: at the stage (handshake,
    /// idle, review under way) with the most connections, one of the peer with the most. Lowered to what the limit of open
    /// files allows.
    #[arg(long, env = "TRACESTAMP_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "1024", value_parser = parse_connections)]
    pub(crate) max_connections: usize,
    /// How long a TLS handshake may take.
    #[arg(long, env = "TRACESTAMP_HANDSHAKE_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_interval)]
    pub(crate) handshake_timeout: Duration,
    /// How long a connection may be idle, or take for a request's header. The API server keeps idle connections for
    /// 90 s: with less here, some of its requests fail.
    #[arg(long, env = "TRACESTAMP_IDLE_TIMEOUT", value_name = "DURATION", default_value = "2m", value_parser = parse_interval)]
    pub(crate) idle_timeout: Duration,
    /// The largest review that is read, in bytes or with Ki, Mi, Gi. The API server accepts objects of 3 MiB and sends
    /// two of them.
    #[arg(long, env = "TRACESTAMP_MAX_BODY_BYTES", value_name = "BYTES", default_value = "7Mi", value_parser = parse_body_bytes)]
    pub(crate) max_body_bytes: usize,
    /// Memory for all reviews longer than 64 KiB together, in bytes or with Ki, Mi, Gi; a review that does not fit is
    /// answered with 429. When smaller than --max-body-bytes, it limits each review as well.
    #[arg(long, env = "TRACESTAMP_MAX_BODIES_BYTES", value_name = "BYTES", default_value = "64Mi", value_parser = parse_body_bytes)]
    pub(crate) max_bodies_bytes: usize,
    /// How often the certificate, its key and the endpoint file are checked for changes.
    #[arg(long, env = "TRACESTAMP_RELOAD_INTERVAL", value_name = "DURATION", default_value = "10s", value_parser = parse_interval)]
    pub(crate) reload_interval: Duration,
}

impl ServeArgs {
    /// What the server allows its clients.
    pub(crate) fn limits(&self) -> Limits {
        let Self { max_connections, handshake_timeout, idle_timeout, .. } = *self;
        Limits { max_connections, handshake_timeout, idle_timeout }
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    // No process has as many descriptors.
    text.parse()
        .ok()
        .filter(|number| (1..=1 << 20).contains(number))
        .ok_or_else(|| "it is not a number from 1 to 1048576".to_owned())
}

fn parse_body_bytes(text: &str) -> Result<usize, String> {
    usize::try_from(parse_bytes(text)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent_each_is_documented_and_has_a_variable() {
        let command = super::Args::command();
        command.clone().debug_assert();
        for flag in command.get_arguments() {
            assert!(flag.get_help().is_some(), "{} is not documented", flag.get_id());
            assert!(flag.get_env().is_some(), "{} has no variable", flag.get_id());
        }
    }
}
