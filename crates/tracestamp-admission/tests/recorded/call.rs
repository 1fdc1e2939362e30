//! Recorded calls, and the decision about each.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tracestamp_admission::{Endpoint, Entropy, Outcome, Review};
use tracestamp_core::context::{SpanId, TraceId};
use tracestamp_core::span::{self, SpanRecord};
use tracestamp_core::{Config, Note, Timestamp};

pub const RECORDINGS: [&str; 8] = ["cancel", "fail", "matrix", "pods", "pull", "sidecar", "success", "timeout"];

pub const ENTROPY: Entropy = Entropy([0x5a; 20]);

pub type Span = SpanRecord<'static>;

/// One call of the API server.
#[derive(Clone, Debug)]
pub struct Call {
    /// Recording and line, counted from 1.
    pub place: String,
    pub endpoint: Endpoint,
    pub received: Timestamp,
    pub body: String,
}

/// A decision that outlives its review.
pub struct Decided {
    pub uid: String,
    pub kind: &'static str,
    pub operation: &'static str,
    pub namespace: String,
    pub name: String,
    pub outcome: Outcome,
    pub notes: Vec<Note>,
    pub patch: Option<Vec<u8>>,
    pub spans: Vec<Span>,
    pub answer: Vec<u8>,
}

/// The calls of a recording, in the order received.
pub fn calls(recording: &str) -> &'static [Call] {
    static ALL: OnceLock<BTreeMap<&str, Vec<Call>>> = OnceLock::new();
    &ALL.get_or_init(|| RECORDINGS.map(|name| (name, read(name))).into())[recording]
}

pub fn all_calls() -> impl Iterator<Item = &'static Call> {
    RECORDINGS.into_iter().flat_map(calls)
}

fn read(recording: &str) -> Vec<Call> {
    #[derive(Deserialize)]
    struct Line<'a> {
        received_unix_nano: u64,
        phase: &'a str,
        #[serde(borrow)]
        review: &'a RawValue,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tracestamp/recordings/{recording}.jsonl.zst"));
    let lines = String::from_utf8(zstd::decode_all(File::open(path).unwrap()).unwrap()).unwrap();
    let call = |(index, line): (usize, &str)| {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        Call {
            place: format!("{recording}:{}", index + 1),
            endpoint: match line.phase {
                "mutating" => Endpoint::Stamp,
                "validating" => Endpoint::Observe,
                other => panic!("{recording}:{}: no such phase: {other}", index + 1),
            },
            received: Timestamp::from_nanos(line.received_unix_nano),
            body: line.review.get().to_owned(),
        }
    };
    lines.lines().enumerate().map(call).collect()
}

impl Call {
    pub fn review(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn decide(&self) -> Decided {
        self.decide_with(ENTROPY)
    }

    pub fn decide_with(&self, entropy: Entropy) -> Decided {
        let review = Review::parse(self.body.as_bytes()).unwrap();
        let config = Config::default();
        let decision = review.decide(self.endpoint, &config, self.received, entropy);
        Decided {
            uid: decision.uid.to_owned(),
            kind: decision.kind,
            operation: decision.operation,
            namespace: decision.namespace.to_owned(),
            name: decision.name.to_string(),
            outcome: decision.outcome,
            spans: decision.spans.iter().map(owned).collect(),
            answer: decision.answer(),
            notes: decision.notes,
            patch: decision.patch,
        }
    }

    /// A mutating call for an object that is to be created, of a kind that is stamped.
    pub fn creates(&self, kind: &str) -> bool {
        let request = &self.review()["request"];
        self.endpoint == Endpoint::Stamp
            && request["operation"] == "CREATE"
            && request["kind"]["kind"] == kind
            && request["subResource"].as_str().unwrap_or_default().is_empty()
    }
}

/// The record as it comes out of the spool.
pub fn owned(record: &SpanRecord<'_>) -> Span {
    span::decode(&span::encode(record, Vec::new()).unwrap()).unwrap()
}

/// What the exporter knows a span by.
pub fn id(span: &Span) -> (TraceId, SpanId) {
    (span.context.trace_id, span.context.span_id)
}

/// The spans as the exporter sends them: of equal ids the first.
pub fn spans<'c>(calls: impl IntoIterator<Item = &'c Call>) -> Vec<Span> {
    let mut seen = HashSet::new();
    calls.into_iter().flat_map(|call| call.decide().spans).filter(|span| seen.insert(id(span))).collect()
}

pub fn attribute(span: &Span, key: &str) -> Option<String> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| crate::tree::shown(&attribute.value))
}
