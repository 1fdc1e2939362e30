//! Spans as a tree that a person can read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tracestamp_core::Timestamp;
use tracestamp_core::context::{SpanId, TraceId};
use tracestamp_core::span::{Attribute, Status, Value};

use crate::call::{Span, attribute};

const RESULTS: [&str; 3] = ["cicd.pipeline.result", "cicd.pipeline.task.run.result", "tracestamp.result"];

/// Attributes shown, and what they are called here.
const SHOWN: [(&str, &str); 11] = [
    ("process.exit.code", "exit"),
    ("k8s.container.status.reason", "reason"),
    ("tracestamp.attempt", "attempt"),
    ("k8s.pod.status.phase", "phase"),
    ("k8s.pod.status.reason", "pod reason"),
    ("tracestamp.step.started", "started"),
    ("tracestamp.step.waited", "waited"),
    ("tracestamp.start", "start"),
    ("tracestamp.end", "end"),
    ("tracestamp.clamped", "clamped"),
    ("k8s.node.name", "node"),
];

/// One tree for each trace, the earliest first.
pub fn text(spans: &[Span]) -> String {
    let mut traces: BTreeMap<TraceId, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.context.trace_id).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_values().map(Trace::new).collect();
    traces.sort_by_key(|trace| trace.zero);
    traces.iter().map(Trace::text).collect::<Vec<_>>().join("\n")
}

struct Trace<'s> {
    zero: Timestamp,
    spans: Vec<&'s Span>,
}

impl<'s> Trace<'s> {
    fn new(mut spans: Vec<&'s Span>) -> Self {
        spans.sort_by_key(|span| (span.start, span.name.clone(), span.what.as_str(), span.context.span_id));
        Self { zero: spans[0].start, spans }
    }

    fn text(&self) -> String {
        let first = self.spans[0];
        let mut out = format!(
            "trace {} from {}, {} spans, flags {:02x}, tracestate {:?}\n",
            first.context.trace_id,
            self.zero,
            self.spans.len(),
            first.context.flags.bits(),
            first.tracestate
        );
        let resources: BTreeSet<_> = self.spans.iter().map(|span| pairs(&span.resource)).collect();
        resources.iter().for_each(|resource| writeln!(out, "resource {resource}").unwrap());
        let here = |id: SpanId| self.spans.iter().any(|span| span.context.span_id == id);
        for top in self.spans.iter().filter(|span| !span.parent.is_some_and(here)) {
            self.branch(&mut out, top, 1);
        }
        out
    }

    fn branch(&self, out: &mut String, span: &Span, depth: usize) {
        let indent = "  ".repeat(depth);
        let result = RESULTS.iter().find_map(|key| attribute(span, key)).unwrap_or_else(|| "-".to_owned());
        let length = Self::seconds(span.end.nanos() - span.start.nanos());
        write!(out, "{indent}{} {length} {} [{}] {result}", self.at(span.start), span.name, object(span)).unwrap();
        if let Status::Error(description) = &span.status {
            write!(out, " ERROR {}", attribute(span, "error.type").unwrap()).unwrap();
            if !description.is_empty() {
                write!(out, ": {description}").unwrap();
            }
        }
        match span.parent {
            Some(parent) if depth == 1 && span.parent_is_remote => write!(out, " (creator's parent: {parent})"),
            Some(parent) if depth == 1 => write!(out, " (parent outside: {parent})"),
            _ => Ok(()),
        }
        .unwrap();
        out.push('\n');
        let details = self.details(span);
        if !details.is_empty() {
            writeln!(out, "{indent}    {details}").unwrap();
        }
        for event in &span.events {
            writeln!(out, "{indent}    event {} {}: {}", self.at(event.time), event.name, pairs(&event.attributes)).unwrap();
        }
        for link in &span.links {
            writeln!(out, "{indent}    link {}-{}", link.trace_id, link.span_id).unwrap();
        }
        for child in self.spans.iter().filter(|child| child.parent == Some(span.context.span_id)) {
            self.branch(out, child, depth + 1);
        }
    }

    fn details(&self, span: &Span) -> String {
        let told = SHOWN.iter().filter_map(|(key, name)| Some(format!("{name}={}", attribute(span, key)?)));
        let instant = |key| attribute(span, key).map(|text| self.at(Timestamp::parse(&text).unwrap()));
        let container = instant("tracestamp.container.started_at").map(|started| {
            format!("container={started}..{}", instant("tracestamp.container.finished_at").unwrap_or_default())
        });
        told.chain(container).collect::<Vec<_>>().join(" ")
    }

    /// An instant of an object may lie before the first span.
    fn at(&self, instant: Timestamp) -> String {
        match instant.nanos().checked_sub(self.zero.nanos()) {
            Some(after) => format!("+{}", Self::seconds(after)),
            None => format!("-{}", Self::seconds(self.zero.nanos() - instant.nanos())),
        }
    }

    fn seconds(nanos: u64) -> String {
        format!("{}.{:03}s", nanos / 1_000_000_000, nanos / 1_000_000 % 1000)
    }
}

/// What the span tells of, and which.
fn object(span: &Span) -> String {
    let what = span.what.as_str();
    let key = match what {
        "pipeline_run" => "pipelinerun",
        "task_run" => "taskrun",
        "pod" => "k8s.pod.name",
        _ => return what.to_owned(),
    };
    format!("{what} {}", attribute(span, key).unwrap_or_default())
}

fn pairs(attributes: &[Attribute<'_>]) -> String {
    let pairs = attributes.iter().map(|attribute| format!("{}={}", attribute.key, shown(&attribute.value)));
    pairs.collect::<Vec<_>>().join(" ")
}

pub fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Double(double) => double.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::TextList(list) => list.join(","),
    }
}
