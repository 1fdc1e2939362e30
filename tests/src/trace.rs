//! A trace as Jaeger returns it, and what must be true of each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracestamp_core::span::{Presentation, RESULT_KEYS};

#[derive(Clone, Debug)]
pub struct Node {
    pub id: String,
    /// The parent's, and whether it lies in the same trace.
    pub parent: Option<String>,
    pub name: String,
    /// Who sent it (`service.name`).
    pub service: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Its attributes, and what Jaeger makes of its kind and status.
    pub tags: BTreeMap<String, String>,
    /// What Jaeger finds wrong with it.
    pub warnings: Vec<String>,
    /// Links: trace id and span id.
    pub links: Vec<(String, String)>,
}

impl Node {
    /// `tracestamp.span`; empty on a span that is not ours.
    pub fn what(&self) -> &str {
        self.tag("tracestamp.span")
    }

    /// An attribute, empty when absent.
    pub fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", String::as_str)
    }

    /// What came of it, as it is called by whatever sort of span it is.
    fn result(&self) -> &str {
        RESULT_KEYS.into_iter().map(|name| self.tag(name)).find(|result| !result.is_empty()).unwrap_or_default()
    }

    fn parse(span: &Value, processes: &Value) -> Result<Self> {
        let text = |pointer: &str| span.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let number = |pointer: &str| span.pointer(pointer).and_then(Value::as_i64).context("a span without times");
        let list = |pointer: &str| span.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let start = number("/startTime")?;
        let field = |object: &Value, key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (parents, links): (Vec<_>, Vec<_>) = list("/references").into_iter().partition(|reference| {
            field(reference, "refType") == "CHILD_OF" && Some(field(reference, "traceID")) == text("/traceID")
        });
        Ok(Self {
            id: text("/spanID").context("a span without an id")?,
            parent: parents.first().map(|reference| field(reference, "spanID")),
            name: text("/operationName").unwrap_or_default(),
            service: processes
                .get(field(span, "processID"))
                .map(|process| field(process, "serviceName"))
                .unwrap_or_default(),
            start: Timestamp::from_microsecond(start)?,
            end: Timestamp::from_microsecond(start + number("/duration")?)?,
            tags: list("/tags")
                .iter()
                .map(|tag| {
                    let value = tag.get("value");
                    let value = value
                        .and_then(Value::as_str)
                        .map_or_else(|| value.map(Value::to_string).unwrap_or_default(), str::to_owned);
                    (field(tag, "key"), value)
                })
                .collect(),
            warnings: list("/warnings").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            links: links.iter().map(|link| (field(link, "traceID"), field(link, "spanID"))).collect(),
        })
    }

    /// Whether Tekton's own reconcilers sent it, which trace themselves when that is switched on.
    pub fn is_tektons(&self) -> bool {
        self.service.ends_with("-reconciler")
    }

    /// The end of a step's container, which is cut to the second: a turn that began in that second ends as it begins.
    pub fn container_end(&self) -> Timestamp {
        self.tag("tracestamp.container.finished_at").parse().unwrap_or(self.end)
    }

    /// Equal for equal traces, whatever ran at once.
    fn order(&self) -> (usize, String, String, Timestamp) {
        let rank = Presentation::of(self.what()).rank;
        (rank, self.tag("tracestamp.attempt").to_owned(), self.name.clone(), self.start)
    }
}

/// Not sent when they have no length, which times of whole seconds decide: no part of an outline.
const SHORT: &[&str] = &["pending", "schedule", "sandbox"];

/// All spans of a trace.
#[derive(Clone, Debug)]
pub struct JaegerTrace {
    /// In Jaeger's order.
    pub spans: Vec<Node>,
}

impl JaegerTrace {
    pub(crate) fn parse(trace: &Value) -> Result<Self> {
        let spans = trace.get("spans").and_then(Value::as_array).context("a trace without spans")?;
        let processes = trace.get("processes").unwrap_or(&Value::Null);
        Ok(Self { spans: spans.iter().map(|span| Node::parse(span, processes)).collect::<Result<_>>()? })
    }

    /// The spans of one sort.
    pub fn of<'a>(&'a self, what: &'a str) -> impl Iterator<Item = &'a Node> {
        self.spans.iter().filter(move |span| span.what() == what)
    }

    /// The tree, one span a line: sort, name, in brackets `error.type` when it failed and a result that is neither
    /// `success` nor, with an error, `failure`. Siblings stand in the order of their sort and name; spans that have no
    /// length as often as not are left out, and so are those of Tekton's own.
    pub fn outline(&self) -> String {
        let mut text = String::new();
        let is_root = |span: &&Node| {
            span.parent.as_ref().is_none_or(|parent| !self.spans.iter().any(|other| &other.id == parent))
        };
        let mut roots: Vec<_> = self.spans.iter().filter(is_root).collect();
        roots.sort_by_key(|span| span.order());
        for root in roots {
            self.write(&mut text, root, 0);
        }
        text
    }

    fn write(&self, text: &mut String, span: &Node, depth: usize) {
        if SHORT.contains(&span.what()) || span.is_tektons() {
            return;
        }
        let what = if span.what().is_empty() { "foreign" } else { span.what() };
        let _ = write!(text, "{}{what} {}", "  ".repeat(depth), span.name);
        let failed = span.tag("error") == "true" || !span.tag("error.type").is_empty();
        let result = match span.result() {
            "" | "success" => None,
            "failure" if failed => None,
            other => Some(other),
        };
        let told: Vec<_> = failed.then(|| span.tag("error.type")).into_iter().chain(result).collect();
        if !told.is_empty() {
            let _ = write!(text, " [{}]", told.join(", "));
        }
        text.push('\n');
        let mut children: Vec<_> = self.spans.iter().filter(|child| child.parent.as_ref() == Some(&span.id)).collect();
        children.sort_by_key(|child| child.order());
        for child in children {
            self.write(text, child, depth + 1);
        }
    }

    /// Whether the span lies below the other.
    pub fn descends(&self, span: &Node, ancestor: &Node) -> bool {
        let mut parent = span.parent.as_ref();
        // As many steps as there are spans: a circle would not end.
        for _ in &self.spans {
            match self.spans.iter().find(|other| parent == Some(&other.id)) {
                Some(found) if found.id == ancestor.id => return true,
                Some(found) => parent = found.parent.as_ref(),
                None => return false,
            }
        }
        false
    }

    /// What is wrong by Jaeger's own account, but for what the design intends and Jaeger takes for clocks that differ: a
    /// Pod and its steps may outlive the task run, a program's own span the step, whose end is cut to the second.
    pub fn warnings(&self) -> Vec<String> {
        let outlives = |span: &Node| {
            let Some(parent) = self.spans.iter().find(|parent| span.parent.as_ref() == Some(&parent.id)) else {
                return false;
            };
            let second = SignedDuration::from_secs(1);
            match parent.what() {
                "task_run" => span.end > parent.end,
                "step" => parent.start <= span.start && span.end.duration_since(parent.container_end()) < second,
                _ => false,
            }
        };
        let intended = |span: &Node, warning: &str| warning.starts_with("clock skew") && outlives(span);
        self.spans
            .iter()
            // Tekton looks at a run once more after its end.
            .filter(|span| !span.is_tektons())
            .flat_map(|span| span.warnings.iter().map(move |warning| (span, warning)))
            .filter(|(span, warning)| !intended(span, warning))
            .map(|(span, warning)| format!("{} {}: {warning}", span.what(), span.name))
            .collect()
    }

    /// Compares the spans of runs with the objects: creation to completion, to the microsecond.
    pub fn differences_from(&self, objects: &[Value]) -> Vec<String> {
        objects
            .iter()
            .flat_map(|object| self.difference(object).unwrap_or_else(|| vec![format!("unreadable: {object}")]))
            .collect()
    }

    fn difference(&self, object: &Value) -> Option<Vec<String>> {
        let time = |pointer: &str| object.pointer(pointer).and_then(Value::as_str)?.parse::<Timestamp>().ok();
        let kind = object.get("kind")?.as_str()?;
        let name = object.pointer("/metadata/name")?.as_str()?;
        let own = object.pointer("/metadata/annotations/tracestamp.dev~1traceparent")?.as_str()?.split('-').nth(2)?;
        let Some(span) = self.spans.iter().find(|span| span.id == own) else {
            return Some(vec![format!("{kind} {name}: no span {own}")]);
        };
        let (created, completed) = (time("/metadata/creationTimestamp")?, time("/status/completionTime")?);
        let mut wrong = Vec::new();
        let succeeded = object.pointer("/status/conditions/0/status")?.as_str()? == "True";
        if (span.result() == "success", span.tag("error") != "true") != (succeeded, succeeded) {
            wrong.push(format!("{kind} {name}: succeeded {succeeded}, its span's result {}", span.result()));
        }
        // Tekton can stop a run twice from one stale copy, a moment apart (`pkg/reconciler/taskrun/taskrun.go` failTaskRun):
        // its end is then written again, and the first is the one that was told.
        let after = completed.duration_since(span.end);
        let written_again = !succeeded && after == SignedDuration::from_secs(1);
        if span.start != created || !(after.is_zero() || written_again) {
            wrong.push(format!("{kind} {name}: {created} to {completed}, its span {} to {}", span.start, span.end));
        }
        let pending = self.spans.iter().find(|child| child.what() == "pending" && child.parent.as_deref() == Some(own));
        let started = time("/status/startTime")?;
        let retried = object.pointer("/status/retriesStatus").is_some();
        if !retried && pending.map(|span| (span.start, span.end)) != (started > created).then_some((created, started)) {
            wrong.push(format!("{kind} {name}: waited from {created} to {started}, its span {pending:?}"));
        }
        Some(wrong)
    }
}
