//! Traces as one HTML page that needs nothing else: no network, no font, and without its script still a waterfall.
//!
//! Everything that comes out of a span goes through `escape`. Should that ever fail, the page's own content security
//! policy lets no script run but the one below, and nothing be loaded.

mod row;

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::trace::{Outcome, Trace, clock, duration};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

const MILLISECOND: u64 = 1_000_000;
/// Time axes have at most this many ticks.
const MAX_TICKS: u64 = 7;

/// The whole page. `title` is the heading of the browser's tab.
pub fn page(traces: &[Trace], title: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut out, traces, title);
    out
}

fn write_page(out: &mut String, traces: &[Trace], title: &str) -> fmt::Result {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    write!(
        out,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header class="top">
<span class="brand">tracestamp</span>
<div class="tools" role="group" aria-label="View">
<button type="button" data-do="unfold">Expand all</button>
<button type="button" data-do="fold">Collapse all</button>
<button type="button" data-do="theme">Theme: auto</button>
</div>
</header>
<main>
"#,
        title = escape(title),
    )?;
    for (number, trace) in traces.iter().enumerate() {
        write_trace(out, number, trace)?;
    }
    if traces.is_empty() {
        out.push_str("<p>No spans.</p>\n");
    }
    write!(out, "</main>\n{FOOTER}<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

const FOOTER: &str = r#"<footer>
<ul class="legend" aria-label="Bars">
<li><span class="bar work"></span>at work</li>
<li><span class="bar outer"></span>encloses others</li>
<li><span class="bar wait"></span>waiting</li>
<li><span class="bar work bad"></span>failed</li>
<li><span class="bar work tick"></span>no length</li>
</ul>
<p class="keys"><kbd>↑</kbd><kbd>↓</kbd> move <kbd>←</kbd><kbd>→</kbd> fold <kbd>Enter</kbd> details <kbd>Esc</kbd> close</p>
</footer>
"#;

fn write_trace(out: &mut String, number: usize, trace: &Trace) -> fmt::Result {
    let name = trace.rows.first().map_or("", |row| row.span.name.as_str());
    let outcome = trace.rows.first().map_or(Outcome::Unset, |row| row.span.outcome);
    writeln!(out, r#"<section class="trace" aria-labelledby="t{number}">"#)?;
    writeln!(out, r#"<h1 id="t{number}">{} {}</h1>"#, escape(name), badge(outcome))?;
    out.push_str("<dl class=\"facts\">\n");
    let facts = [
        ("Length", duration(trace.length())),
        ("Started", clock(trace.start)),
        ("Spans", trace.rows.len().to_string()),
        ("Trace", trace.id.clone()),
    ];
    for (key, value) in facts
        .iter()
        .map(|(key, value)| (*key, value))
        .chain(trace.resource.iter().map(|(key, value)| (key.as_str(), value)))
    {
        writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(key), escape(value))?;
    }
    let step = tick(trace.length());
    let percent = |nanos: u64| share(nanos, trace.length());
    write!(
        out,
        r#"</dl>
<table role="treegrid" aria-label="Spans of {}" style="--tick:{:.4}%">
<colgroup><col class="c-name"><col class="c-time"><col class="c-time"><col class="c-result"><col></colgroup>
<thead><tr role="row"><th scope="col">Span</th><th scope="col" class="num">Start</th><th scope="col" class="num">Length</th><th scope="col">Result</th><th scope="col" class="axis"><span class="unseen">Waterfall</span><div class="lane" aria-hidden="true">"#,
        escape(name),
        percent(step),
    )?;
    for at in (0..=trace.length() / step).map(|n| n * step).filter(|at| percent(*at) < 94.0) {
        write!(
            out,
            r#"<span class="mark" style="--x:{:.3}%">{}</span>"#,
            percent(at),
            duration(at).replace(".0 ", " ")
        )?;
    }
    out.push_str("</div></th></tr></thead>\n<tbody>\n");
    row::write_all(out, number, trace)?;
    out.push_str("</tbody>\n</table>\n</section>\n");
    Ok(())
}

/// A result as sign and word.
fn badge(outcome: Outcome) -> String {
    match outcome {
        Outcome::Unset => String::new(),
        _ => format!(
            r#"<span class="result {name}"><span aria-hidden="true">{sign}</span> {name}</span>"#,
            name = outcome.name(),
            sign = outcome.sign(),
        ),
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

/// Text as HTML, in content and in quoted attribute values.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // NUL is no character of HTML, and the others turn the direction of all that follows.
            '\0' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
