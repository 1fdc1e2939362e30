//! Whether tracing is on: it is when the exporter has somewhere to send to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::metrics::Metrics;

/// Where the exporter sends to. The webhook only asks whether any is set.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Off switch")]
pub(crate) struct SwitchArgs {
    /// The exporter's endpoint. Without this, the next and --endpoint-file tracing is off: reviews are answered at
    /// once, nothing is stamped or stored. OTLP's default of localhost does not apply.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// The exporter's endpoint for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    otlp_traces_endpoint: Option<String>,
    /// File that holds the exporter's endpoint. It may appear, change and go while the process runs; a missing or
    /// empty one means none.
    #[arg(long, env = "TRACESTAMP_ENDPOINT_FILE", value_name = "FILE")]
    endpoint_file: Option<PathBuf>,
}

/// Whether tracing is on; clones share one state.
#[derive(Clone)]
pub(crate) struct Switch {
    on: Arc<AtomicBool>,
    endpoint_file: Option<PathBuf>,
    metrics: Metrics,
}

impl Switch {
    /// Reads the settings once and says in the log whether tracing is on.
    pub(crate) fn new(args: SwitchArgs, metrics: Metrics) -> Self {
        let SwitchArgs { otlp_endpoint, otlp_traces_endpoint, endpoint_file } = args;
        // OpenTelemetry: an empty variable is one that is not set.
        let fixed = [otlp_endpoint, otlp_traces_endpoint].into_iter().flatten().any(|endpoint| !endpoint.is_empty());
        let endpoint_file = endpoint_file.filter(|_| !fixed);
        let on = fixed || endpoint_file.as_ref().is_some_and(holds_endpoint);
        let switch = Self { on: Arc::new(AtomicBool::new(on)), endpoint_file, metrics };
        switch.say(on);
        switch
    }

    /// Whether tracing is on.
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Looks at the endpoint file in the background, when that is what decides.
    pub(crate) fn spawn(&self, every: Duration) {
        let Some(file) = self.endpoint_file.clone() else { return };
        let switch = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let on = tokio::fs::read(&file).await.is_ok_and(|bytes| is_endpoint(&bytes));
                if switch.on.swap(on, Ordering::Relaxed) != on {
                    switch.say(on);
                }
            }
        });
    }

    fn say(&self, on: bool) {
        self.metrics.tracing_enabled.set(on.into());
        if on {
            tracing::info!("Tracing is on.");
        } else {
            tracing::warn!("Tracing is off: no OTLP endpoint is configured. Nothing is stamped or stored.");
        }
    }
}

fn holds_endpoint(file: &PathBuf) -> bool {
    std::fs::read(file).is_ok_and(|bytes| is_endpoint(&bytes))
}

fn is_endpoint(bytes: &[u8]) -> bool {
    !bytes.trim_ascii().is_empty()
}
