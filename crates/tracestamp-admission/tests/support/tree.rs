//! Spans as text that a person can read.

use std::fmt::Write as _;

use tracestamp_core::context::SpanId;
use tracestamp_core::span::{SpanRecord, Status, Value};

/// What is told of a span beside its name, times and result.
const TOLD: [&str; 11] = [
    "error.type",
    "process.exit.code",
    "k8s.container.status.reason",
    "tracestamp.attempt",
    "tracestamp.step.waited",
    "tracestamp.step.started",
    "tracestamp.start",
    "tracestamp.end",
    "tracestamp.clamped",
    "k8s.pod.status.phase",
    "k8s.pod.name",
];

/// One tree a trace, in the order of their first spans.
pub fn text(spans: &[SpanRecord<'_>]) -> String {
    let mut traces: Vec<_> = spans.iter().map(|span| span.context.trace_id).collect();
    traces.sort_by_key(|trace| {
        let of = spans.iter().filter(|span| span.context.trace_id == *trace);
        (of.map(|span| span.start).min(), *trace)
    });
    traces.dedup();
    let mut out = String::new();
    for trace in traces {
        let of: Vec<_> = spans.iter().filter(|span| span.context.trace_id == trace).collect();
        let zero = of.iter().map(|span| span.start).min().unwrap();
        writeln!(out, "trace from {zero}").unwrap();
        let here = |id: Option<SpanId>| id.is_some_and(|id| of.iter().any(|span| span.context.span_id == id));
        let tops = of.iter().filter(|span| !here(span.parent));
        for top in sorted(tops.copied()) {
            branch(&mut out, &of, top, zero.nanos(), 1);
        }
    }
    out
}

fn sorted<'s, 'a>(spans: impl Iterator<Item = &'s SpanRecord<'a>>) -> Vec<&'s SpanRecord<'a>>
where
    'a: 's,
{
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.span_type.clone(), span.name.clone()));
    spans
}

fn branch(out: &mut String, all: &[&SpanRecord<'_>], span: &SpanRecord<'_>, zero: u64, depth: usize) {
    let seconds = |nanos: u64| format!("{}.{:03}", nanos / 1_000_000_000, nanos / 1_000_000 % 1000);
    let times = format!("+{} {}", seconds(span.start.nanos() - zero), seconds(span.end.nanos() - span.start.nanos()));
    let what = &*span.span_type;
    let name = if what == span.name { String::new() } else { format!(" \"{}\"", span.name) };
    let status = match &span.status {
        Status::Unset => String::new(),
        Status::Error(description) => format!(" ERROR {description:?}"),
    };
    let outside = match (depth, span.parent_is_remote, span.parent) {
        (1, true, _) => " under a parent outside the cluster",
        (1, false, Some(_)) => " under a parent not in the recording",
        _ => "",
    };
    writeln!(out, "{}{what}{name} {times}{}{status}{outside}", "  ".repeat(depth), result(span)).unwrap();
    let indent = "  ".repeat(depth + 2);
    let told: Vec<_> = TOLD
        .iter()
        .filter_map(|key| {
            Some(format!("{}={}", key.rsplit_once("tracestamp.").map_or(*key, |(_, key)| key), attribute(span, key)?))
        })
        .collect();
    if !told.is_empty() {
        writeln!(out, "{indent}{}", told.join(" ")).unwrap();
    }
    for event in &span.events {
        let attributes: Vec<_> = event.attributes.iter().map(|attribute| shown(&attribute.value)).collect();
        writeln!(out, "{indent}event {}: {}", event.name, attributes.join(", ")).unwrap();
    }
    for link in &span.links {
        writeln!(out, "{indent}link to {} {}", link.trace_id, link.span_id).unwrap();
    }
    let below = all.iter().filter(|child| child.parent == Some(span.context.span_id));
    for child in sorted(below.copied()) {
        branch(out, all, child, zero, depth + 1);
    }
}

fn result(span: &SpanRecord<'_>) -> String {
    ["cicd.pipeline.result", "cicd.pipeline.task.run.result", "tracestamp.result"]
        .iter()
        .find_map(|key| attribute(span, key))
        .map_or_else(String::new, |result| format!(" {result}"))
}

pub fn attribute(span: &SpanRecord<'_>, key: &str) -> Option<String> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| shown(&attribute.value))
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
