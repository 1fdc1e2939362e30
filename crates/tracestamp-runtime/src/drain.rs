//! How a server leaves: the flags of its drain.

use std::time::Duration;

use clap::Args;

use crate::parse_duration;

/// The flags of the drain, to be flattened into a process' own. Their sum must stay below the Pod's
/// `terminationGracePeriodSeconds`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Drain")]
pub struct DrainArgs {
    /// How long requests are still taken after SIGTERM, each answered with `Connection: close`: the time in which
    /// every node learns that the Pod leaves.
    #[arg(long, env = "TRACESTAMP_DRAIN_DELAY", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// How long requests that are under way may then take.
    #[arg(long, env = "TRACESTAMP_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
}
