//! One call of the API server, and what it gives.

use tracestamp_admission::{Decision, Endpoint, Entropy, Review};
use tracestamp_core::span::{self, SpanRecord};
use tracestamp_core::{Config, Timestamp};

/// One recorded call.
#[derive(Clone)]
pub struct Call {
    pub endpoint: Endpoint,
    pub received: Timestamp,
    pub body: String,
}

impl Call {
    /// Decides, with entropy that the body alone determines.
    pub fn decide<T>(&self, decided: impl FnOnce(&Decision<'_>) -> T) -> T {
        let mut entropy = [0_u8; 20];
        self.body.bytes().enumerate().for_each(|(at, byte)| entropy[at % 20] = byte ^ entropy[at % 20].rotate_left(3));
        let review = Review::parse(self.body.as_bytes()).unwrap();
        let config = Config::default();
        decided(&review.decide(self.endpoint, &config, self.received, Entropy(entropy)))
    }

    pub fn spans(&self) -> Vec<SpanRecord<'static>> {
        self.decide(|decision| decision.spans.iter().map(owned).collect())
    }
}

pub fn owned(span: &SpanRecord<'_>) -> SpanRecord<'static> {
    span::decode(&span::encode(span, Vec::new()).unwrap()).unwrap()
}

/// The spans of a list of calls, the first of equal ids only, as the exporter sends them.
pub fn spans(calls: &[Call]) -> Vec<SpanRecord<'static>> {
    let mut seen = std::collections::HashSet::new();
    let all = calls.iter().flat_map(Call::spans);
    all.filter(|span| seen.insert((span.context.trace_id, span.context.span_id))).collect()
}
