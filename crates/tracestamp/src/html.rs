//! Traces as one HTML page that needs nothing else: no network, no font, and without its script still a waterfall.
//!
//! `html!` escapes whatever comes out of a span. Should that ever fail, the page's own content security policy lets no
//! script run but the one below, and nothing be loaded.

mod row;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::trace::{Outcome, Trace, clock, duration};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

const MILLISECOND: u64 = 1_000_000;
/// Time axes have at most this many ticks.
const MAX_TICKS: u64 = 7;

/// The whole page. `title` is the heading of the browser's tab.
pub fn page(traces: &[Trace], title: &str) -> String {
    // NUL is no character of HTML, and the others turn the direction of all that follows. The page itself has none.
    document(traces, title)
        .into_string()
        .replace(|c| matches!(c, '\0' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'), "\u{fffd}")
}

fn document(traces: &[Trace], title: &str) -> Markup {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    html! {
        (PreEscaped("<!doctype html>\n"))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header class="top" {
                    span class="brand" { "tracestamp" }
                    div class="tools" role="group" aria-label="View" {
                        button type="button" data-do="unfold" { "Expand all" }
                        button type="button" data-do="fold" { "Collapse all" }
                        button type="button" data-do="theme" { "Theme: auto" }
                    }
                }
                main {
                    @for (number, trace) in traces.iter().enumerate() { (section(number, trace)) }
                    @if traces.is_empty() { p { "No spans." } }
                }
                (footer())
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn footer() -> Markup {
    let legend = [
        ("work", "at work"),
        ("outer", "encloses others"),
        ("wait", "waiting"),
        ("work bad", "failed"),
        ("work tick", "no length"),
    ];
    html! {
        footer {
            ul class="legend" aria-label="Bars" {
                @for (look, meaning) in legend { li { span class={ "bar " (look) } {} (meaning) } }
            }
            p class="keys" {
                kbd { "↑" } kbd { "↓" } " move " kbd { "←" } kbd { "→" } " fold " kbd { "Enter" } " details "
                kbd { "Esc" } " close"
            }
        }
    }
}

fn section(number: usize, trace: &Trace) -> Markup {
    let name = trace.rows.first().map_or("", |row| row.span.name.as_str());
    let outcome = trace.rows.first().map_or(Outcome::Unset, |row| row.span.outcome);
    let length = trace.length();
    let spans = trace.rows.len().to_string();
    let (duration, started) = (duration(length), clock(trace.start));
    let facts = [("Length", &duration), ("Started", &started), ("Spans", &spans), ("Trace", &trace.id)];
    let resource = trace.resource.iter().map(|(key, value)| (key.as_str(), value));
    let step = share(tick(length), length);
    html! {
        section class="trace" aria-labelledby={ "t" (number) } {
            h1 id={ "t" (number) } { (name) " " (badge(outcome)) }
            dl class="facts" {
                @for (key, value) in facts.into_iter().chain(resource) { div { dt { (key) } dd { (value) } } }
            }
            table role="treegrid" aria-label={ "Spans of " (name) } style=(format!("--tick:{step:.4}%")) {
                colgroup { col class="c-name"; col class="c-time"; col class="c-time"; col class="c-result"; col; }
                thead {
                    tr role="row" {
                        th scope="col" { "Span" }
                        th scope="col" class="num" { "Start" }
                        th scope="col" class="num" { "Length" }
                        th scope="col" { "Result" }
                        th scope="col" class="axis" { span class="unseen" { "Waterfall" } (axis(length)) }
                    }
                }
                tbody { (row::all(number, trace)) }
            }
        }
    }
}

/// The marks of the time axis, except those too close to its end.
fn axis(length: u64) -> Markup {
    let step = tick(length);
    let marks = (0..=length / step).map(|n| n * step).filter(|at| share(*at, length) < 94.0);
    html! {
        div class="lane" aria-hidden="true" {
            @for at in marks {
                span class="mark" style=(format!("--x:{:.3}%", share(at, length))) {
                    (duration(at).replace(".0 ", " "))
                }
            }
        }
    }
}

/// A result as sign and word.
fn badge(outcome: Outcome) -> Markup {
    html! {
        @if outcome != Outcome::Unset {
            span class={ "result " (outcome.name()) } {
                span aria-hidden="true" { (outcome.sign()) } " " (outcome.name())
            }
        }
    }
}

/// The distance of ticks on an axis of `length` nanoseconds: 1, 2 or 5 of a decimal unit, or of minutes and hours.
fn tick(length: u64) -> u64 {
    const STEPS: [u64; 22] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
        600_000, 1_800_000, 3_600_000, 7_200_000,
    ];
    let fits = |step: &u64| length / step < MAX_TICKS;
    STEPS.map(|millis| millis * MILLISECOND).into_iter().find(fits).unwrap_or((length / MAX_TICKS).max(1))
}

/// `part` of `whole` in percent.
#[allow(clippy::cast_precision_loss, reason = "a position on the screen")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[cfg(test)]
mod tests;
