//! Spans as OTLP carries them, gathered into traces that can be shown: rows in the order of a tree, each with its
//! depth.
//!
//! The rows are flat and not nested so that no depth of the tree, however hostile, is a depth of recursion.

mod text;
mod tree;

use std::collections::{BTreeMap, HashSet};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tracestamp_core::span::{Look, Presentation, RESULT_KEYS};

use text::pairs;
pub use text::{clock, duration, offset};
use tree::arrange;

/// Attributes: keys and values as text, in the order sent.
pub type Pairs = Vec<(String, String)>;

/// One trace, ready to be shown.
#[derive(Debug)]
pub struct Trace {
    /// The trace id, in hexadecimal.
    pub id: String,
    /// The earliest start, in nanoseconds since the Unix epoch.
    pub start: u64,
    /// The latest end, likewise.
    pub end: u64,
    /// Attributes of the resources, without repeats.
    pub resource: Pairs,
    /// The spans, each after its parent; children by their start.
    pub rows: Vec<Row>,
}

impl Trace {
    /// From the first start to the last end, in nanoseconds.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// One span in its place.
#[derive(Debug)]
pub struct Row {
    pub span: Span,
    /// How many spans lie above it that are there.
    pub depth: usize,
    /// Whether another child of the same parent follows.
    pub followed: bool,
    /// How many children it has.
    pub children: usize,
    /// The name of the TaskRun where siblings have the same name, as those of a matrix do.
    pub alias: Option<String>,
}

/// What is shown of a span.
#[derive(Debug)]
pub struct Span {
    /// The span id, in hexadecimal.
    pub id: String,
    /// The parent's id; empty on a root.
    pub parent: String,
    pub name: String,
    /// How spans of its type are shown.
    pub presentation: Presentation,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    /// Likewise, never before `start`.
    pub end: u64,
    pub outcome: Outcome,
    /// The status description, or the error type where there is none; empty unless the status is Error.
    pub error: String,
    /// The attributes, in the order sent.
    pub attributes: Pairs,
    /// What happened at an instant within it.
    pub events: Vec<Event>,
    /// `{trace id}-{span id}` of each link.
    pub links: Vec<String>,
}

impl Span {
    /// From start to end, in nanoseconds.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

/// An instant within a span.
#[derive(Debug)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    pub name: String,
    /// The attributes, in the order sent.
    pub attributes: Pairs,
}

/// How a span ended, of the results that `cicd.pipeline.result` knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// No result was told, and no error.
    Unset,
    Success,
    Failure,
    /// The infrastructure failed, or no result was told with the error.
    Error,
    Timeout,
    Cancellation,
    Skip,
}

impl Outcome {
    fn of(result: Option<&str>, failed: bool) -> Self {
        match result {
            Some("success") => Self::Success,
            Some("failure") => Self::Failure,
            Some("error") => Self::Error,
            Some("timeout") => Self::Timeout,
            Some("cancellation") => Self::Cancellation,
            Some("skip") => Self::Skip,
            _ if failed => Self::Error,
            _ => Self::Unset,
        }
    }

    /// The result's name in the semantic conventions; empty when there is none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancellation => "cancellation",
            Self::Skip => "skip",
        }
    }

    /// A sign that tells the result without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Success => "✓",
            Self::Failure => "✗",
            Self::Error => "!",
            Self::Timeout => "◷",
            Self::Cancellation => "⊘",
            Self::Skip => "»",
        }
    }
}

fn event(event: otlp::span::Event) -> Event {
    Event { time: event.time_unix_nano, attributes: pairs(&event.attributes), name: event.name }
}

/// Gathers the spans of all requests into traces, by their start. Of spans with the same ids the first wins.
pub fn collect(requests: impl IntoIterator<Item = ExportTraceServiceRequest>) -> Vec<Trace> {
    let mut traces: BTreeMap<Vec<u8>, (Pairs, Vec<Span>)> = BTreeMap::new();
    let mut known = HashSet::new();
    for group in requests.into_iter().flat_map(|request| request.resource_spans) {
        let resource = pairs(&group.resource.unwrap_or_default().attributes);
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            if !known.insert((span.trace_id.clone(), span.span_id.clone())) {
                continue;
            }
            let (attributes, spans) = traces.entry(span.trace_id.clone()).or_default();
            for pair in &resource {
                if !attributes.contains(pair) {
                    attributes.push(pair.clone());
                }
            }
            spans.push(read(span));
        }
    }
    let mut traces: Vec<_> = traces
        .into_iter()
        .map(|(id, (resource, spans))| Trace {
            id: const_hex::encode(&id),
            start: spans.iter().map(|span| span.start).min().unwrap_or_default(),
            end: spans.iter().map(|span| span.end).max().unwrap_or_default(),
            resource,
            rows: arrange(spans),
        })
        .collect();
    traces.sort_by_key(|trace| trace.start);
    traces
}

fn read(span: otlp::Span) -> Span {
    let attributes = pairs(&span.attributes);
    let get = |key: &str| attributes.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let status = span.status.unwrap_or_default();
    let failed = status.code == StatusCode::Error as i32;
    let presentation = Presentation::of(get("tracestamp.span").unwrap_or_default());
    let result = RESULT_KEYS.iter().find_map(|key| get(key));
    // That waiting succeeded says nothing.
    let result = result.filter(|result| *result != "success" || presentation.look != Look::Wait);
    Span {
        id: const_hex::encode(&span.span_id),
        parent: const_hex::encode(&span.parent_span_id),
        name: span.name,
        presentation,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano.max(span.start_time_unix_nano),
        outcome: Outcome::of(result, failed),
        error: match failed {
            true if status.message.is_empty() => get("error.type").unwrap_or_default().to_owned(),
            true => status.message,
            false => String::new(),
        },
        events: span.events.into_iter().map(event).collect(),
        links: span
            .links
            .iter()
            .map(|link| format!("{}-{}", const_hex::encode(&link.trace_id), const_hex::encode(&link.span_id)))
            .collect(),
        attributes,
    }
}

#[cfg(test)]
pub(crate) mod tests;
