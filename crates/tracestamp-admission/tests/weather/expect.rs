//! What spans are expected, as tables.

use tracestamp_core::Timestamp;
use tracestamp_core::span::{SpanRecord, Status};

use crate::objects::time;
use crate::tree::{attribute, shown};

/// Which span, and what is true of it.
///
/// The span: its type, then words that are each its name or one of the names it carries, as in `step make`; one span must
/// fit. What is true, between commas: `09:30:04..09:30:07` its times, either of which may be left out; `error` or `unset`
/// its status; `gone` that there is none; `KEY=VALUE` an attribute, where `tracestamp.` may be left out, `result` is that
/// of its type, `has` that of any attribute, `parent` selects a span with slashes for spaces, and `-` stands for an absent one; `|` stands between
/// values of which one fits. `message=` and `message^=` (how it begins) come last and take the rest.
pub type Row<'t> = (&'t str, &'t str);

const NAMES: [&str; 6] =
    ["k8s.container.name", "taskrun", "customrun", "pipelinerun", "cicd.pipeline.run.id", "tracestamp.attempt"];

pub fn expect(what: &str, spans: &[SpanRecord<'_>], rows: &[Row<'_>]) {
    let faults = rows.iter().filter_map(|row| Some(format!("{}: {}", row.0, fault(spans, row)?)));
    let faults: Vec<_> = faults.chain(crate::pods::faults(spans)).collect();
    assert!(faults.is_empty(), "{what}:\n  {}\n{}", faults.join("\n  "), crate::tree::text(spans));
}

pub fn select<'s, 'a>(spans: &'s [SpanRecord<'a>], words: &str) -> Vec<&'s SpanRecord<'a>> {
    let (kind, names) = words.split_once(' ').unwrap_or((words, ""));
    let has = |span: &SpanRecord<'_>, name: &str| {
        span.name == name || NAMES.iter().any(|key| found(span, key).as_deref() == Some(name))
    };
    let fits = |span: &&SpanRecord<'_>| span.span_type == kind && names.split_whitespace().all(|name| has(span, name));
    spans.iter().filter(fits).collect()
}

/// An attribute of the span or of its resource.
fn found(span: &SpanRecord<'_>, key: &str) -> Option<String> {
    let resource = || SpanRecord { attributes: span.resource.clone(), ..span.clone() };
    attribute(span, key).or_else(|| attribute(&resource(), key))
}

fn fault(spans: &[SpanRecord<'_>], (which, truths): &Row<'_>) -> Option<String> {
    let chosen = select(spans, which);
    match (&chosen[..], *truths) {
        ([], "gone") => None,
        ([span], truths) if truths != "gone" => {
            let (truths, message) = truths.find("message").map_or((truths, ""), |at| truths.split_at(at));
            let mut truths =
                truths.split(", ").filter(|truth| !truth.is_empty()).chain((!message.is_empty()).then_some(message));
            truths.find_map(|truth| untrue(spans, span, truth))
        }
        (some, _) => Some(format!("there are {}", some.len())),
    }
}

/// What is found instead.
fn untrue(spans: &[SpanRecord<'_>], span: &SpanRecord<'_>, truth: &str) -> Option<String> {
    if let Some((start, end)) = truth.split_once("..").filter(|_| !truth.contains('=')) {
        let met = |at: &str, found: Timestamp| at.is_empty() || Timestamp::parse(&time(at)) == Some(found);
        let good = met(start, span.start) && met(end, span.end);
        return (!good).then(|| format!("{truth}, but {}..{}", span.start, span.end));
    }
    let message = match &span.status {
        Status::Unset => None,
        Status::Error(message) => Some(message.to_string()).filter(|message| !message.is_empty()),
    };
    let Some((key, wanted)) = truth.split_once('=') else {
        let status = if span.status == Status::Unset { "unset" } else { "error" };
        return (truth != status).then(|| format!("{truth}, but {status}"));
    };
    let found = match key {
        "name" => Some(span.name.to_string()),
        "has" => span.attributes.iter().map(|attribute| shown(&attribute.value)).find(|value| value == wanted),
        "trace" => Some(span.context.trace_id.to_string()),
        "message" => message,
        "message^" => message.map(|message| message[..wanted.len().min(message.len())].to_owned()),
        "result" => ["cicd.pipeline.result", "cicd.pipeline.task.run.result", "tracestamp.result"]
            .iter()
            .find_map(|key| attribute(span, key)),
        "parent" if wanted.contains('/') => {
            let above = select(spans, &wanted.replace('/', " "));
            let ids = above.iter().map(|above| (above.context.trace_id, Some(above.context.span_id)));
            let is = ids.collect::<Vec<_>>() == [(span.context.trace_id, span.parent)];
            return (!is).then(|| format!("{truth}, but {:?} of {} that fit", span.parent, above.len()));
        }
        "parent" => span.parent.map(|parent| parent.to_string()),
        _ => found(span, key).or_else(|| found(span, &format!("tracestamp.{key}"))),
    };
    let values = if key.starts_with("message") { vec![wanted] } else { wanted.split('|').collect() };
    let good = values.iter().any(|value| found.as_deref() == (*value != "-").then_some(*value));
    (!good).then(|| format!("{truth}, but {found:?}"))
}
