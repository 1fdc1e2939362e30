//! What Events tell of Pods.

use std::time::Duration;

use tracestamp_runtime::parse_interval;

use crate::pod_events::PodEvents;

/// The flags of what Events tell of Pods.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Events about Pods")]
pub(crate) struct PodEventArgs {
    /// Reads Events about Pods: spans of image pulls, and of what else the kubelet and the scheduler say. Needs the
    /// registration of manifests/components/events.
    #[arg(long = "pod-events", id = "pod_events", env = "TRACESTAMP_POD_EVENTS")]
    pub(crate) enabled: bool,
    /// How long an Event waits for a review of its Pod, which tells its trace. Past it the Event is dropped and counted.
    #[arg(long = "pod-events-hold", id = "pod_events_hold", env = "TRACESTAMP_POD_EVENTS_HOLD", value_name = "DURATION", default_value = "15m", value_parser = parse_interval)]
    pub(crate) hold: Duration,
    /// How long an Event waits before its Pod is asked of the API server, by one GET outside of any review. Not at all
    /// unless set; needs the rights of manifests/components/events-lookup.
    #[arg(long = "pod-events-lookup", id = "pod_events_lookup", env = "TRACESTAMP_POD_EVENTS_LOOKUP", value_name = "DURATION", value_parser = parse_interval)]
    pub(crate) lookup: Option<Duration>,
}

impl PodEventArgs {
    /// The memory that Events need; none when they are not read.
    pub(crate) fn memory(&self) -> Option<PodEvents> {
        self.enabled.then(|| PodEvents::new(self.hold))
    }
}
