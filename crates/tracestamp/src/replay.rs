//! `tracestamp replay`: a recording through the decision that the webhook makes, without a network.
//!
//! Reviews are taken as recorded: nothing is remembered from one for the ones after it, but for the place of Pods in
//! their traces that Events need. The same
//! recording always gives the same output, because what the webhook draws at random is here derived from the line.

mod command;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tracestamp_admission::{Endpoint, Entropy};
use tracestamp_core::Config;
use tracestamp_exporter::{RecentIds, otlp};
use tracestamp_webhook::PodEvents;

pub use command::{Args, run};

use crate::recording::{Reason, Review};

/// A recording is taken as a whole.
const HOLD: Duration = Duration::from_hours(24);

/// Decides about the reviews of one recording.
#[derive(Debug)]
pub struct Replay {
    config: Config,
    pod_events: PodEvents,
    sent: RecentIds,
}

/// What one review gave.
#[derive(Debug)]
pub struct Replayed {
    /// Its spans, without those whose ids an earlier review has given.
    pub request: Option<ExportTraceServiceRequest>,
    /// How many spans these are.
    pub spans: usize,
    /// Of a mutating review: the object as it would be admitted, in JSON. `None` where the review holds no object (it
    /// deletes one).
    pub patched: Option<String>,
}

impl Default for Replay {
    fn default() -> Self {
        Self::new(Config { pod_events: true, ..Config::default() })
    }
}

impl Replay {
    /// A replay under these settings.
    pub fn new(config: Config) -> Self {
        Self { config, pod_events: PodEvents::new(HOLD), sent: RecentIds::default() }
    }

    pub fn review(&mut self, review: &Review) -> Result<Replayed, Reason> {
        let body = review.body.get();
        let parsed = tracestamp_admission::Review::parse(body.as_bytes())?;
        let mut decision = parsed.decide(review.endpoint, &self.config, review.received, entropy(review));
        if review.endpoint == Endpoint::Observe {
            let event = decision.pod_event.take();
            decision.spans.extend(self.pod_events.take(&parsed, event, &self.config, review.received).spans);
        }
        decision.spans.retain(|span| self.sent.insert(span.context));
        let patched = match review.endpoint {
            Endpoint::Stamp => patched(body, decision.patch.as_deref())?,
            Endpoint::Observe => None,
        };
        let spans = decision.spans.len();
        let request = (spans > 0).then(|| otlp::request(&decision.spans, &otlp::ResourceSettings::default()));
        Ok(Replayed { request, spans, patched })
    }
}

/// Stands in for random bytes: other lines have others, the same line always the same.
fn entropy(review: &Review) -> Entropy {
    let digest = Sha256::new()
        .chain_update(b"tracestamp replay\0")
        .chain_update(review.line.to_le_bytes())
        .chain_update(review.body.get())
        .finalize();
    let mut bytes = [0; 20];
    bytes.iter_mut().zip(digest).for_each(|(byte, drawn)| *byte = drawn);
    Entropy(bytes)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// The object of a review with the patch applied, by a library that is none of ours.
fn patched(body: &str, patch: Option<&[u8]>) -> Result<Option<String>, Reason> {
    let Envelope { request } = serde_json::from_str(body)?;
    let (object, patch) = match (request.object, patch) {
        (None, _) => return Ok(None),
        (Some(object), None) => return Ok(Some(object.get().to_owned())),
        (Some(object), Some(patch)) => (object, patch),
    };
    let wrong = |error: &dyn std::fmt::Display| Reason::Patch(error.to_string());
    let patch: json_patch::Patch = serde_json::from_slice(patch).map_err(|error| wrong(&error))?;
    let mut object: serde_json::Value = serde_json::from_str(object.get())?;
    json_patch::patch(&mut object, &patch).map_err(|error| wrong(&error))?;
    Ok(Some(object.to_string()))
}
