//! The rows of a waterfall: a span each, and below it a row of details that is shown on demand.

use maud::{Markup, html};

use tracestamp_core::span::Look;

use super::{badge, share};
use crate::trace::{Event, Outcome, Row, Span, Trace, clock, duration, offset};

/// Deeper rows are not indented further, or the names would leave their column.
const MAX_INDENT: usize = 12;

/// All rows of a trace, whose `number` distinguishes it from the others on the page.
pub(super) fn all(number: usize, trace: &Trace) -> Markup {
    let roots = trace.rows.iter().filter(|row| row.depth == 0).count();
    // How many siblings each level has and how many of them were written.
    let mut levels: Vec<(usize, usize)> = vec![(roots, 0)];
    let mut position = |row: &Row| {
        levels.truncate(row.depth + 1);
        let (of, place) = levels.last_mut().map_or((1, 1), |(of, place)| {
            *place += 1;
            (*of, *place)
        });
        levels.push((row.children, 0));
        (place, of)
    };
    html! {
        @for (at, row) in trace.rows.iter().enumerate() {
            (span_row(&format!("d{number}-{at}"), trace, row, position(row)))
            (details_row(&format!("d{number}-{at}"), trace, &row.span))
        }
    }
}

fn span_row(details: &str, trace: &Trace, row: &Row, (place, of): (usize, usize)) -> Markup {
    let Row { span, depth, children, alias, .. } = row;
    let bad = if is_bad(span) { " bad" } else { "" };
    let kind = span.presentation.label;
    let since = span.start - trace.start;
    html! {
        "\n"
        tr role="row" class={ "span" (bad) } aria-level=(depth + 1) aria-posinset=(place) aria-setsize=(of)
            aria-expanded=[(*children > 0).then_some("true")] data-details=(details) {
            td role="gridcell" class="name" style={ "--depth:" (depth.min(&MAX_INDENT)) } {
                span class="twist" aria-hidden="true" {}
                @if !kind.is_empty() { span class="kind" { (kind) } " " }
                a href={ "#" (details) } { (span.name) }
                @if let Some(alias) = alias { span class="alias" { (alias) } }
                @if !span.error.is_empty() { span class="why" { (span.error) } }
            }
            td role="gridcell" class="num" { (offset(since)) }
            td role="gridcell" class="num" { (duration(span.length())) }
            td role="gridcell" { (badge(span.outcome)) }
            td role="gridcell" class="axis" { div class="lane" aria-hidden="true" { (bar(trace, span, bad)) } }
        }
    }
}

fn bar(trace: &Trace, span: &Span, bad: &str) -> Markup {
    let look = if span.outcome == Outcome::Skip { "wait" } else { class(span.presentation.look) };
    let tick = if span.length() == 0 { " tick" } else { "" };
    let [from, width] = [span.start - trace.start, span.length()].map(|nanos| share(nanos, trace.length()));
    html! { span class={ "bar " (look) (bad) (tick) } style=(format!("--x:{from:.3}%;--w:{width:.3}%")) {} }
}

fn is_bad(span: &Span) -> bool {
    !span.error.is_empty() || matches!(span.outcome, Outcome::Failure | Outcome::Error)
}

fn class(look: Look) -> &'static str {
    match look {
        Look::Encloses => "outer",
        Look::Wait => "wait",
        Look::Work => "work",
    }
}

fn details_row(id: &str, trace: &Trace, span: &Span) -> Markup {
    let mut head = vec![
        ("from".to_owned(), clock(span.start)),
        ("to".to_owned(), clock(span.end)),
        ("span id".to_owned(), span.id.clone()),
    ];
    if !span.parent.is_empty() {
        head.push(("parent".to_owned(), span.parent.clone()));
    }
    if !span.error.is_empty() {
        head.push(("status".to_owned(), format!("Error: {}", span.error)));
    }
    html! {
        tr role="row" class="details" id=(id) {
            td role="gridcell" colspan="5" {
                div class="panel" {
                    section { h2 { "Span" } (pairs(&head)) }
                    @if !span.attributes.is_empty() { section { h2 { "Attributes" } (pairs(&span.attributes)) } }
                    @if !span.events.is_empty() {
                        section { h2 { "Events" } ol { @for event in &span.events { (event_item(trace, event)) } } }
                    }
                    @if !span.links.is_empty() {
                        section { h2 { "Links" } ul { @for link in &span.links { li { code { (link) } } } } }
                    }
                }
            }
        }
    }
}

fn event_item(trace: &Trace, Event { time, name, attributes }: &Event) -> Markup {
    let at = if *time < trace.start { clock(*time) } else { offset(time - trace.start) };
    html! { li { span class="at" { (at) } " " (name) (pairs(attributes)) } }
}

fn pairs(pairs: &[(String, String)]) -> Markup {
    html! {
        @if !pairs.is_empty() { dl { @for (key, value) in pairs { dt { (key) } dd { (value) } } } }
    }
}
