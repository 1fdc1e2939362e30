use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status};

use super::*;

pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A span of trace `trace` from `start` to `end` seconds.
pub(crate) fn span(trace: u8, id: u8, parent: u8, name: &str, start: u64, end: u64) -> otlp::Span {
    otlp::Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: name.to_owned(),
        start_time_unix_nano: start * 1_000_000_000,
        end_time_unix_nano: end * 1_000_000_000,
        ..otlp::Span::default()
    }
}

pub(crate) fn request(spans: Vec<otlp::Span>) -> ExportTraceServiceRequest {
    let resource = Some(Resource { attributes: vec![attribute("service.name", "tekton")], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn shape(trace: &Trace) -> Vec<String> {
    trace.rows.iter().map(|row| format!("{}{}", "-".repeat(row.depth), row.span.name)).collect()
}

#[test]
fn spans_sent_in_any_order_become_a_tree_with_children_by_their_start() {
    let spans = vec![
        span(1, 4, 3, "leaf", 6, 7),
        span(1, 3, 1, "late", 5, 9),
        span(1, 2, 1, "early", 1, 2),
        span(1, 1, 0, "run", 0, 9),
    ];
    let requests: Vec<_> = spans.into_iter().map(|span| request(vec![span])).collect();
    let traces = collect(requests);
    let [trace] = traces.as_slice() else { panic!("{traces:?}") };
    assert_eq!(shape(trace), ["run", "-early", "-late", "--leaf"]);
    let followed: Vec<_> = trace.rows.iter().map(|row| (row.followed, row.children)).collect();
    assert_eq!(followed, [(false, 2), (true, 0), (false, 1), (false, 0)]);
    assert_eq!(trace.resource, [("service.name".to_owned(), "tekton".to_owned())]);
    assert_eq!(trace.length(), 9_000_000_000);
}

#[test]
fn a_span_whose_parent_is_not_there_is_a_root() {
    let traces = collect([request(vec![
        span(1, 2, 9, "orphan", 3, 4),
        span(1, 1, 0, "run", 0, 2),
        span(1, 3, 2, "child", 3, 4),
    ])]);
    assert_eq!(shape(&traces[0]), ["run", "orphan", "-child"]);
    assert!(traces[0].rows[0].followed && !traces[0].rows[1].followed);
    assert_eq!(traces[0].rows[1].span.parent, "0909090909090909");
}

#[test]
fn several_traces_are_kept_apart_and_shown_by_their_start() {
    let traces = collect([request(vec![
        span(1, 1, 0, "second", 5, 6),
        span(2, 1, 0, "first", 1, 2),
        span(2, 2, 1, "child", 1, 2),
    ])]);
    assert_eq!(traces.iter().map(shape).collect::<Vec<_>>(), [vec!["first", "-child"], vec!["second"]]);
}

#[test]
fn of_equal_ids_the_first_wins() {
    let traces = collect([request(vec![span(1, 1, 0, "first", 0, 1)]), request(vec![span(1, 1, 0, "again", 0, 1)])]);
    assert_eq!(shape(&traces[0]), ["first"]);
}

#[test]
fn a_circle_of_parents_is_shown_once_and_ends() {
    let traces =
        collect([request(vec![span(1, 1, 2, "a", 0, 1), span(1, 2, 1, "b", 0, 1), span(1, 3, 3, "own", 0, 1)])]);
    assert_eq!(shape(&traces[0]), ["own", "a", "-b"]);
}

#[test]
fn task_runs_of_a_matrix_are_told_apart() {
    let task = |id, name, taskrun| {
        let mut task = span(1, id, 1, name, u64::from(id), 9);
        task.attributes = vec![attribute("tracestamp.span", "task_run"), attribute("taskrun", taskrun)];
        task
    };
    let spans =
        vec![span(1, 1, 0, "run", 0, 9), task(2, "test", "r-test-0"), task(3, "test", "r-test-1"), task(4, "b", "r-b")];
    let traces = collect([request(spans)]);
    let aliases: Vec<_> = traces[0].rows.iter().map(|row| row.alias.as_deref()).collect();
    assert_eq!(aliases, [None, Some("r-test-0"), Some("r-test-1"), None]);
}

#[test]
fn the_depth_of_a_trace_is_not_bounded_by_the_stack() {
    let spans = (1..=50_000_u64).map(|n| {
        let mut span = span(1, 0, 0, "deep", n, n);
        span.span_id = n.to_be_bytes().into();
        span.parent_span_id = (n - 1).to_be_bytes().into();
        span
    });
    let traces = collect([request(spans.collect())]);
    assert_eq!(traces[0].rows.last().unwrap().depth, 49_999);
}

#[test]
fn an_outcome_is_the_told_result_or_else_the_status() {
    let mut told = span(1, 1, 0, "told", 0, 1);
    told.attributes = vec![attribute("cicd.pipeline.task.run.result", "timeout")];
    told.status = Some(Status { code: 2, message: "took too long".to_owned() });
    let mut untold = span(1, 2, 0, "untold", 1, 2);
    untold.attributes = vec![attribute("error.type", "Evicted")];
    untold.status = Some(Status { code: 2, message: String::new() });
    let traces = collect([request(vec![told, untold, span(1, 3, 0, "fine", 2, 3)])]);
    let outcomes: Vec<_> = traces[0].rows.iter().map(|row| (row.span.outcome, row.span.error.as_str())).collect();
    assert_eq!(outcomes, [(Outcome::Timeout, "took too long"), (Outcome::Error, "Evicted"), (Outcome::Unset, "")]);
}
