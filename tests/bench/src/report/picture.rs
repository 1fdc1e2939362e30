//! Bars with their spread, as SVG that is readable on light and on dark pages.

use std::fmt::Write as _;

use super::{Entry, Report, shown};

const LABEL: f64 = 290.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 26.0;
const TOP: f64 = 48.0;

/// One bar.
struct Bar<'r> {
    label: String,
    entry: &'r Entry,
    emphasised: bool,
}

/// Names and contents of the pictures.
pub(super) fn all(report: &Report) -> Vec<(&'static str, String)> {
    let of = |part: &str, figure: &str, case: &str| -> Vec<&Entry> {
        let fits = |entry: &&Entry| entry.part == part && entry.figure == figure && entry.case.ends_with(case);
        report.entries.iter().filter(fits).collect()
    };
    let decision = of("decision", "time of a decision / of one scan", "");
    let decision = decision.into_iter().map(|entry| Bar { label: entry.case.clone(), entry, emphasised: true });
    let mut reviews = Vec::new();
    for (what, emphasised) in [("scan", true), ("kube", false)] {
        for entry in of("reviews", &format!("processor time a review / {what}"), ", 25 connections") {
            let case = entry.case.trim_end_matches(", 25 connections");
            let against = if what == "scan" { "one scan" } else { "kube's typed parsing" };
            reviews.push(Bar { label: format!("{case} / {against}"), entry, emphasised });
        }
    }
    vec![
        (
            "decision.svg",
            picture("Time of a decision, as a multiple of one scan of the same bytes", &decision.collect::<Vec<_>>()),
        ),
        ("reviews.svg", picture("Processor time of the webhook, as a multiple of another server's", &reviews)),
    ]
}

fn picture(title: &str, bars: &[Bar<'_>]) -> String {
    let most = bars.iter().map(|bar| bar.entry.spread.greatest).fold(1.0, f64::max) * 1.05;
    let x = |value: f64| LABEL + value / most * (WIDTH - LABEL - 60.0);
    let height = TOP + ROW * bars.len() as f64 + 24.0;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="{title}">
<style>text {{ fill: #24292f }} .axis {{ stroke: #57606a }} @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .axis {{ stroke: #8b949e }} }}</style>
<text x="8" y="22" font-size="15" font-weight="600">{title}</text>
"#
    );
    for (place, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        let spread = bar.entry.spread;
        let colour = if bar.emphasised { "#2f81f7" } else { "#8b949e" };
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{LABEL}" y="{}" width="{:.1}" height="16" rx="2" fill="{colour}"/>"#,
            LABEL - 8.0,
            y + 13.0,
            bar.label,
            y,
            x(spread.median) - LABEL
        );
        let _ = writeln!(
            svg,
            r#"<line class="axis" x1="{:.1}" x2="{:.1}" y1="{2}" y2="{2}"/><text x="{3:.1}" y="{4}">{5}</text>"#,
            x(spread.least),
            x(spread.greatest),
            y + 8.0,
            x(spread.greatest) + 6.0,
            y + 13.0,
            shown(spread.median)
        );
    }
    let bottom = TOP + ROW * bars.len() as f64;
    let _ = writeln!(
        svg,
        r#"<line class="axis" stroke-dasharray="3 3" x1="{0:.1}" x2="{0:.1}" y1="{1}" y2="{bottom}"/><text x="{0:.1}" y="{2}" text-anchor="middle">1</text>"#,
        x(1.0),
        TOP - 6.0,
        bottom + 16.0
    );
    svg + "</svg>\n"
}
