//! One review from its bytes to its answer.

mod reviewed;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracestamp_admission::{Decision, Endpoint, Entropy, NotAReview, Review, allow};
use tracestamp_core::{Config, Timestamp};

use crate::body::{Bodies, Read, SMALL};
use crate::deadline::Deadline;
use crate::metrics::{Metrics, ReviewLabels, endpoint_label};
use crate::pod_events::PodEvents;
use crate::recorder::{Recorder, Spans};
use crate::switch::Switch;
use reviewed::{Line, Reviewed};

/// Large reviews that are decided about at once. Each takes up to four times the memory of its body.
const TURNS: usize = 2;

type Decide = for<'r> fn(&'r Review<'r>, Endpoint, &'r Config, Timestamp, Entropy) -> Decision<'r>;

/// What came of a review, or why nothing was decided about it: the outcome it is counted as.
type Outcome = Result<Reviewed, &'static str>;

/// A request that holds a review.
#[derive(Clone, Copy)]
struct Call {
    endpoint: Endpoint,
    received: Timestamp,
    deadline: Deadline,
    entropy: Entropy,
}

/// What all reviews share.
pub(crate) struct App {
    config: Arc<Config>,
    switch: Switch,
    recorder: Recorder,
    metrics: Metrics,
    bodies: Bodies,
    /// Large reviews that may be decided about at once.
    turns: Arc<Semaphore>,
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
        let turns = Arc::new(Semaphore::new(TURNS));
        Self { config, switch, recorder, metrics, bodies, turns, pod_events, decide }
    }

    /// The routes of the two registrations.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().route("/stamp", post(stamp)).route("/observe", post(observe)).with_state(self)
    }

    async fn review(self: &Arc<Self>, endpoint: Endpoint, request: Request) -> Response {
        let (received, began) = (tracestamp_runtime::now(), Instant::now());
        let deadline = Deadline::of(request.uri().query(), began);
        let response = match self.bodies.read(request.into_body(), deadline).await {
            Ok(body) => match self.answer(endpoint, body, received, deadline).await {
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
        self: &Arc<Self>,
        endpoint: Endpoint,
        body: Read,
        received: Timestamp,
        deadline: Deadline,
    ) -> Result<Vec<u8>, NotAReview> {
        if !self.switch.is_on() {
            return self.only_allow(endpoint, &body.bytes, "off");
        }
        if deadline.has_passed() {
            return self.only_allow(endpoint, &body.bytes, "late");
        }
        let mut entropy = Entropy([0; 20]);
        if getrandom::fill(&mut entropy.0).is_err() {
            return self.only_allow(endpoint, &body.bytes, "no_entropy");
        }
        let call = Call { endpoint, received, deadline, entropy };
        let bytes = body.bytes.clone();
        let reviewed = if bytes.len() > SMALL {
            self.review_in_turn(call, body).await?
        } else {
            self.review_now(call, &body.bytes)?
        };
        let reviewed = match reviewed {
            Ok(reviewed) => reviewed,
            Err(outcome) => return self.only_allow(endpoint, &bytes, outcome),
        };
        // The record may be waited for, and the body is not needed for that.
        drop(bytes);
        self.count(&reviewed);
        let Reviewed { answer, line, handed, .. } = reviewed;
        // Before the answer: once it is sent, the API server may make the next transition.
        let recorded = match handed {
            Some(handed) => self.recorder.written(handed, deadline).await,
            None => false,
        };
        line.log(recorded);
        Ok(answer)
    }

    /// A large review holds a processor for as long as its bytes take, so few are decided about at once, and on threads
    /// of their own: connections, small reviews and `/ready` do not wait for them.
    async fn review_in_turn(self: &Arc<Self>, call: Call, body: Read) -> Result<Outcome, NotAReview> {
        let deadline = call.deadline.instant();
        let Ok(Ok(turn)) = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await else {
            return Ok(Err("late"));
        };
        let app = Arc::clone(self);
        let work = spawn_blocking(move || {
            let reviewed = app.review_now(call, &body.bytes);
            drop((turn, body));
            reviewed
        });
        match timeout_at(deadline, work).await {
            Ok(Ok(reviewed)) => reviewed,
            Ok(Err(_)) => Ok(Err("panic")),
            Err(_) => Ok(Err("late")),
        }
    }

    /// Decides about a review and hands over its spans.
    fn review_now(&self, call: Call, body: &[u8]) -> Result<Outcome, NotAReview> {
        let Call { endpoint, received, deadline, entropy } = call;
        let Some(review) = self.guarded(|| Review::parse(body)) else { return Ok(Err("panic")) };
        let review = review?;
        if deadline.has_passed() {
            return Ok(Err("late"));
        }
        let reviewed = self.guarded(|| {
            let mut decision = (self.decide)(&review, endpoint, &self.config, received, entropy);
            self.place_events(endpoint, &review, &mut decision, received);
            let spans = Spans::encode(&decision.spans, &self.metrics);
            let line = Line::of(endpoint, &decision, spans.len());
            let handed = (!spans.is_empty()).then(|| self.recorder.hand_over(spans));
            let (answer, patched) = (decision.answer(), decision.patch.is_some());
            Reviewed { answer, patched, notes: decision.notes, line, handed }
        });
        Ok(reviewed.ok_or("panic"))
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

    fn count(&self, Reviewed { line, patched, notes, .. }: &Reviewed) {
        let Line { webhook, kind, operation, outcome, .. } = *line;
        self.metrics.review(&ReviewLabels { webhook, kind, operation, outcome });
        if *patched {
            self.metrics.patch();
        }
        for note in notes {
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
