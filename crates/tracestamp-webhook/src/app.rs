//! One review from its bytes to its answer.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;
use tracestamp_admission::{Decision, Endpoint, Entropy, NotAReview, Review, allow};
use tracestamp_core::{Config, Timestamp};
use tracestamp_runtime::shown;

use crate::body::Bodies;
use crate::deadline::Deadline;
use crate::metrics::{Metrics, ReviewLabels, endpoint_label};
use crate::pod_events::PodEvents;
use crate::recorder::{Recorder, Spans};
use crate::switch::Switch;

type Decide = for<'r> fn(&'r Review<'r>, Endpoint, &'r Config, Timestamp, Entropy) -> Decision<'r>;

/// What all reviews share.
pub(crate) struct App {
    config: Arc<Config>,
    switch: Switch,
    recorder: Recorder,
    metrics: Metrics,
    bodies: Bodies,
    /// `None` when Events are not read.
    pod_events: Option<Arc<PodEvents>>,
    /// A field only because no input is known that makes the real one panic.
    decide: Decide,
}

impl App {
    pub(crate) fn new(
        config: Arc<Config>,
        switch: Switch,
        recorder: Recorder,
        metrics: Metrics,
        bodies: Bodies,
        pod_events: Option<Arc<PodEvents>>,
    ) -> Self {
        let decide: Decide =
            |review, endpoint, config, received, entropy| review.decide(endpoint, config, received, entropy);
        Self { config, switch, recorder, metrics, bodies, pod_events, decide }
    }

    /// The routes of the two registrations.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().route("/stamp", post(stamp)).route("/observe", post(observe)).with_state(self)
    }

    async fn review(&self, endpoint: Endpoint, request: Request) -> Response {
        let (received, began) = (tracestamp_runtime::now(), Instant::now());
        let deadline = Deadline::of(request.uri().query(), began);
        let response = match self.bodies.read(request.into_body(), deadline).await {
            Ok(body) => match self.answer(endpoint, &body.bytes, received, deadline).await {
                Ok(answer) => ([(header::CONTENT_TYPE, "application/json")], answer).into_response(),
                Err(error) => {
                    self.refused(endpoint, "not_a_review");
                    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
                }
            },
            Err(unread) => {
                self.refused(endpoint, unread.label());
                (unread.status(), format!("the body cannot be read: {}\n", unread.label())).into_response()
            }
        };
        self.metrics.duration(endpoint, began.elapsed());
        response
    }

    async fn answer(
        &self,
        endpoint: Endpoint,
        body: &[u8],
        received: Timestamp,
        deadline: Deadline,
    ) -> Result<Vec<u8>, NotAReview> {
        if !self.switch.is_on() {
            return self.only_allow(endpoint, body, "off");
        }
        if deadline.has_passed() {
            return self.only_allow(endpoint, body, "late");
        }
        let mut entropy = Entropy([0; 20]);
        if getrandom::fill(&mut entropy.0).is_err() {
            return self.only_allow(endpoint, body, "no_entropy");
        }
        let Some(review) = self.guarded(|| Review::parse(body)) else {
            return self.only_allow(endpoint, body, "panic");
        };
        let review = review?;
        let decided = self.guarded(|| {
            let mut decision = (self.decide)(&review, endpoint, &self.config, received, entropy);
            self.place_events(endpoint, &review, &mut decision, received);
            let (answer, spans) = (decision.answer(), Spans::encode(&decision.spans, &self.metrics));
            (decision, answer, spans)
        });
        let Some((decision, answer, spans)) = decided else {
            return self.only_allow(endpoint, body, "panic");
        };
        self.count(endpoint, &decision);
        // Before the answer: once it is sent, the API server may make the next transition.
        let number = spans.len();
        let recorded = !spans.is_empty() && self.recorder.record(spans, deadline).await;
        log(endpoint, &decision, number, recorded);
        Ok(answer)
    }

    /// Adds the spans that Events give by what this review tells.
    fn place_events(&self, endpoint: Endpoint, review: &Review<'_>, decision: &mut Decision<'_>, received: Timestamp) {
        let Some(pod_events) = self.pod_events.as_ref().filter(|_| endpoint == Endpoint::Observe) else { return };
        let placed = pod_events.take(review, decision.pod_event.take(), &self.config, received);
        self.metrics.pod_events(&placed.fates, pod_events.waiting());
        decision.spans.extend(placed.spans);
        decision.trace_id = decision.trace_id.or_else(|| Some(decision.spans.first()?.context.trace_id));
    }

    /// Runs what may not take a request down with it; `None` when it panicked.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(work)).inspect_err(|_| self.metrics.panicked()).ok()
    }

    /// Answers without looking at the object.
    fn only_allow(&self, endpoint: Endpoint, body: &[u8], outcome: &'static str) -> Result<Vec<u8>, NotAReview> {
        let answer = allow(body)?;
        let endpoint = endpoint_label(endpoint);
        self.metrics.review(&ReviewLabels { webhook: endpoint, kind: "unread", operation: "unread", outcome });
        tracing::debug!(endpoint, outcome, "Allowed a review.");
        Ok(answer)
    }

    fn count(&self, endpoint: Endpoint, decision: &Decision<'_>) {
        self.metrics.review(&ReviewLabels {
            webhook: endpoint_label(endpoint),
            kind: decision.kind,
            operation: decision.operation,
            outcome: decision.outcome.as_str(),
        });
        if decision.patch.is_some() {
            self.metrics.patch();
        }
        for note in &decision.notes {
            self.metrics.note(*note);
        }
    }

    fn refused(&self, endpoint: Endpoint, reason: &'static str) {
        self.metrics.bad_request(reason);
        // Why exactly is told to the client alone: a parser's message may quote what it read.
        tracing::debug!(endpoint = endpoint_label(endpoint), reason, "Refused a request.");
    }
}

async fn stamp(State(app): State<Arc<App>>, request: Request) -> Response {
    app.review(Endpoint::Stamp, request).await
}

async fn observe(State(app): State<Arc<App>>, request: Request) -> Response {
    app.review(Endpoint::Observe, request).await
}

/// One line a review: at info when it gave spans, at debug otherwise. Names and ids only, never contents.
fn log(endpoint: Endpoint, decision: &Decision<'_>, spans: usize, recorded: bool) {
    let Decision { kind, operation, namespace, name, trace_id, outcome, .. } = decision;
    let endpoint = endpoint_label(endpoint);
    let (outcome, trace_id) = (outcome.as_str(), trace_id.map(tracing::field::display));
    // Whatever was sent as a name, and at most as long as one.
    let (namespace, name) = (shown::name(namespace), shown::name(name));
    if spans > 0 {
        tracing::info!(endpoint, kind, operation, %namespace, %name, trace_id, outcome, spans, recorded, "Observed.");
    } else {
        tracing::debug!(endpoint, kind, operation, %namespace, %name, trace_id, outcome, "Reviewed.");
    }
}
