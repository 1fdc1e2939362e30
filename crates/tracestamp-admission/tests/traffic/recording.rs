//! Reading the recordings.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use tracestamp_admission::{Decision, Endpoint, Entropy, Review};
use tracestamp_core::span::{self, SpanRecord};
use tracestamp_core::{Config, Timestamp};

pub const ALL: [&str; 10] =
    ["cancel", "evicted", "fail", "matrix", "pods", "pull", "sidecar", "slow-pull", "success", "timeout"];

/// One recorded call.
#[derive(Clone)]
pub struct Call {
    pub endpoint: Endpoint,
    pub received: Timestamp,
    pub body: String,
}

pub fn calls(name: &str) -> Vec<Call> {
    #[derive(Deserialize)]
    struct Line<'a> {
        received_unix_nano: u64,
        phase: &'a str,
        #[serde(borrow)]
        review: &'a RawValue,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tracestamp/recordings/{name}.jsonl.zst"));
    let lines = String::from_utf8(zstd::decode_all(File::open(path).unwrap()).unwrap()).unwrap();
    let call = |line: &str| {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        let endpoint = if line.phase == "mutating" { Endpoint::Stamp } else { Endpoint::Observe };
        let received = Timestamp::from_nanos(line.received_unix_nano);
        Call { endpoint, received, body: line.review.get().to_owned() }
    };
    lines.lines().map(call).collect()
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
