//! Asks the API server for the Pods of Events that have waited in vain: outside of any review, one GET a Pod.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use kube::Client;
use kube::api::GetParams;
use kube::core::Request;
use tokio::time::{sleep, timeout};
use tracestamp_core::kind::PodPlace;
use tracestamp_core::object::Object;
use tracestamp_core::pod_event::PodEvent;
use tracestamp_core::{Config, Timestamp};
use tracestamp_runtime::shown;

use crate::args::ApiServerArgs;
use crate::deadline::Deadline;
use crate::metrics::{LookupOutcome, Metrics};
use crate::pod_events::PodEvents;
use crate::recorder::{Recorder, Spans};

/// The longest between two looks at what waits.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one GET may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks for the Pods of Events.
pub(crate) struct PodLookup {
    client: Client,
    /// How long an Event waits before its Pod is asked for.
    after: Duration,
    config: Arc<Config>,
    pod_events: Arc<PodEvents>,
    recorder: Recorder,
    metrics: Metrics,
}

/// What the API server tells of a Pod.
enum Told {
    /// Its place if it is to be traced.
    Found(Option<PodPlace>),
    /// There is none of that uid, or none that could be read: asking again would give the same.
    Gone,
}

impl PodLookup {
    /// Fails when the files of the API server's settings cannot be used; does not connect yet.
    pub(crate) fn new(
        after: Duration,
        api_server: &ApiServerArgs,
        config: Arc<Config>,
        pod_events: Arc<PodEvents>,
        recorder: Recorder,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let client = client(api_server)?;
        Ok(Self { client, after, config, pod_events, recorder, metrics })
    }

    /// Goes on until it is dropped.
    pub(crate) async fn run(self) {
        let mut failing = false;
        loop {
            sleep(self.after.min(PAUSE)).await;
            let error = self.look(tracestamp_runtime::now()).await.err();
            if let Some(error) = error.as_ref().filter(|_| !failing) {
                let reason = format!("{error:#}");
                tracing::warn!(reason, "A Pod cannot be read; its Events wait for a review and the next lookup.");
            }
            failing = error.is_some();
        }
    }

    /// Asks once for the Pods of all Events that have waited long enough. Gives the first error, which keeps none of the
    /// other Pods from being asked for: the next look tries again, and what waits is bounded in number and time.
    async fn look(&self, now: Timestamp) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for event in self.pod_events.overdue(self.after, now) {
            match self.get(&event).await {
                Ok(told) => {
                    self.metrics.pod_lookup(match told {
                        Told::Found(_) => LookupOutcome::Found,
                        Told::Gone => LookupOutcome::Gone,
                    });
                    self.place(&event, told).await;
                }
                Err(error) => {
                    self.metrics.pod_lookup(LookupOutcome::Error);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome
    }

    async fn get(&self, event: &PodEvent) -> anyhow::Result<Told> {
        let path = format!("/api/v1/namespaces/{}/pods", event.namespace);
        let Ok(request) = Request::new(path).get(&event.pod_name, &GetParams::default()) else { return Ok(Told::Gone) };
        let body = match timeout(PATIENCE, self.client.request_text(request)).await.context("no answer in time")? {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Told::Gone),
            body => body?,
        };
        let Ok(object) = serde_json::from_str::<Object<'_>>(&body) else { return Ok(Told::Gone) };
        // Another Pod may have the name by now.
        let uid = object.metadata.as_ref().and_then(|metadata| metadata.uid.as_deref());
        if uid != Some(event.pod_uid.as_str()) {
            return Ok(Told::Gone);
        }
        Ok(Told::Found(PodPlace::of(&object, &event.namespace, &self.config)))
    }

    async fn place(&self, event: &PodEvent, told: Told) {
        let placed = match told {
            Told::Found(place) => self.pod_events.learn(&event.pod_uid, place, &self.config),
            Told::Gone => self.pod_events.give_up(event, &self.config),
        };
        self.metrics.pod_events(&placed.fates, self.pod_events.waiting());
        let spans = Spans::encode(&placed.spans, &self.metrics);
        if !spans.is_empty() {
            self.recorder.record(spans, Deadline::of(None, tokio::time::Instant::now())).await;
        }
    }
}

/// A client with nothing but an authority and a token. The errors of kube are not repeated: they may quote a file.
fn client(api_server: &ApiServerArgs) -> anyhow::Result<Client> {
    let mut config = kube::Config::new(api_server.url()?);
    // kube reads both files again, at least once a minute. The empty list keeps it from looking for the authorities of
    // the operating system, of which an image need not have any.
    config.root_cert = Some(Vec::new());
    config.root_cert_file = Some(api_server.ca_file.clone());
    config.auth_info.token_file = Some(api_server.token_file.display().to_string());
    Client::try_from(config).map_err(|error| match error {
        kube::Error::Auth(_) => {
            anyhow!("--api-server-token-file {} cannot be read", shown::path(&api_server.token_file))
        }
        _ => anyhow!("--api-server-ca-file {} has no certificate that can be used", shown::path(&api_server.ca_file)),
    })
}
