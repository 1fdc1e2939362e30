//! Traces as text: a tree with times, results and small bars.

use std::io::{self, IsTerminal};

use tracestamp_core::span::Look;
use tracestamp_runtime::shown::plain;

use crate::trace::{Outcome, Row, Trace, clock, duration, offset};

/// Without a terminal to ask: as wide as most logs and bug reports show.
const DEFAULT_WIDTH: usize = 110;
/// Start, length and result with the spaces before them.
const COLUMNS: usize = 11 + 10 + 17;
const MAX_BAR: usize = 44;
/// Below this a bar tells nothing.
const MIN_BAR: usize = 8;
/// Deeper rows are not indented further.
const MAX_INDENT: usize = 12;

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the screen.
    pub width: usize,
    /// Whether escape sequences may be used.
    pub colour: bool,
}

impl Style {
    /// What standard output can show; `NO_COLOR` (when not empty) is respected.
    pub fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
        Self { width, colour: io::stdout().is_terminal() && !plain }
    }

    fn paint(self, text: &str, code: &str) -> String {
        if self.colour && !code.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";

fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unset | Outcome::Skip => "",
        Outcome::Success => "34",
        Outcome::Failure | Outcome::Error => "1;31",
        Outcome::Timeout | Outcome::Cancellation => "33",
    }
}

/// All traces, one below the other.
pub fn render(traces: &[Trace], style: Style) -> String {
    traces.iter().map(|trace| tree(trace, style)).collect::<Vec<_>>().join("\n")
}

fn tree(trace: &Trace, style: Style) -> String {
    let lines = lines(trace);
    let widest = lines.iter().map(|line| width(&line.guides) + width(&line.label) + width(&line.name)).max();
    let names = widest.unwrap_or(0).min(style.width.saturating_sub(COLUMNS + MIN_BAR + 2)).max(16);
    let bar = style.width.saturating_sub(names + COLUMNS + 2).min(MAX_BAR);
    let bar = if bar < MIN_BAR { 0 } else { bar };

    let about = format!(
        "trace {}  {} spans  {}  from {}",
        trace.id,
        trace.rows.len(),
        duration(trace.length()),
        clock(trace.start)
    );
    let head = format!("{:names$}  {:>9} {:>9}  RESULT", "", "START", "LENGTH");
    let mut out = format!("{}\n{}\n", style.paint(&about, DIM), style.paint(&head, DIM));
    for line in &lines {
        let span = &line.row.span;
        let guides = cut(&line.guides, names);
        let label = cut(&line.label, names.saturating_sub(width(&guides)));
        let name = cut(&line.name, names.saturating_sub(width(&guides) + width(&label)));
        let pad = names.saturating_sub(width(&guides) + width(&label) + width(&name));
        let weight = if span.outcome == Outcome::Unset || line.row.depth > 0 { "" } else { BOLD };
        let tone = colour(span.outcome);
        let result = format!("{:1} {:12}", span.outcome.sign(), span.outcome.name());
        let row = format!(
            "{}{}{}{:pad$}  {:>9} {:>9}  {}  {}",
            style.paint(&guides, DIM),
            style.paint(&label, DIM),
            style.paint(&name, weight),
            "",
            offset(span.start - trace.start),
            duration(span.length()),
            style.paint(&result, tone),
            style.paint(&draw(trace, line.row, bar), if tone.is_empty() { DIM } else { tone }),
        );
        out.push_str(row.trim_end());
        out.push('\n');
        if !span.error.is_empty() {
            let room = style.width.saturating_sub(width(&line.under) + 2);
            let error = cut(&plain(&span.error), room);
            out.extend([style.paint(&line.under, DIM), style.paint(&error, tone), "\n".to_owned()]);
        }
    }
    out
}

struct Line<'a> {
    row: &'a Row,
    /// The lines of the tree left of the name.
    guides: String,
    /// The same for a second line of text.
    under: String,
    label: String,
    name: String,
}

fn lines<'a>(trace: &'a Trace) -> Vec<Line<'a>> {
    // Which of the levels above go on below the current row.
    let mut open: Vec<bool> = Vec::new();
    let line = |row: &'a Row| {
        let Row { span, depth, followed, children, alias } = row;
        open.truncate(*depth);
        let rail = |followed: &bool| if *followed { "│  " } else { "   " };
        let above: String = open.iter().skip(1).take(MAX_INDENT).map(rail).collect();
        open.push(*followed);
        let (own, beside) = match (depth, followed) {
            (0, _) => ("", ""),
            (_, true) => ("├─ ", "│  "),
            (_, false) => ("└─ ", "   "),
        };
        let below = if *children > 0 { "│  " } else { "   " };
        let label = span.presentation.label;
        Line {
            row,
            guides: format!("{above}{own}"),
            under: format!("{above}{beside}{below}"),
            label: if label.is_empty() { String::new() } else { format!("{label} ") },
            name: match alias {
                Some(alias) => plain(&format!("{} ({alias})", span.name)).into_owned(),
                None => plain(&span.name).into_owned(),
            },
        }
    };
    trace.rows.iter().map(line).collect()
}

/// A bar of `width` columns, to half a column.
#[allow(clippy::cast_possible_truncation, reason = "no more than twice the width")]
fn draw(trace: &Trace, row: &Row, width: usize) -> String {
    let whole = u128::from(trace.length().max(1));
    let half = |at: u64| (u128::from(at - trace.start) * 2 * width as u128 / whole) as usize;
    let (start, end) = (half(row.span.start), half(row.span.end));
    if width == 0 {
        return String::new();
    }
    if row.span.length() == 0 {
        return format!("{}╹", " ".repeat((start / 2).min(width - 1)));
    }
    let start = start.min(2 * width - 1);
    let end = end.max(start + 1);
    let covers = |half: usize| (start..end).contains(&half);
    let [whole, left, right] =
        if row.span.presentation.look == Look::Wait { ['─', '╴', '╶'] } else { ['━', '╸', '╺'] };
    let column = |column: usize| match (covers(2 * column), covers(2 * column + 1)) {
        (true, true) => whole,
        (true, false) => left,
        (false, true) => right,
        (false, false) => ' ',
    };
    (0..width).map(column).collect::<String>().trim_end().to_owned()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let kept = text.chars().take(room.saturating_sub(1));
    if room == 0 { String::new() } else { kept.chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Status;

    use super::*;
    use crate::trace::collect;
    use crate::trace::tests::{attribute, request, span};

    fn example() -> Vec<Trace> {
        let mut run = span(1, 1, 0, "RUN fail", 0, 8);
        run.attributes =
            vec![attribute("tracestamp.span", "pipeline_run"), attribute("cicd.pipeline.result", "failure")];
        run.status = Some(Status { code: 2, message: "exit code 3".to_owned() });
        let mut task = span(1, 2, 1, "build", 1, 5);
        task.attributes = vec![attribute("tracestamp.span", "task_run")];
        let tick = span(1, 3, 2, "a-name-that-is-much-longer-than-its-column", 4, 4);
        collect([request(vec![run, task, tick, span(1, 4, 1, "finally", 5, 8)])])
    }

    #[test]
    fn a_trace_is_a_tree_with_times_results_and_bars() {
        let text = render(&example(), Style { width: 80, colour: false });
        let expected = "\
trace 01010101010101010101010101010101  4 spans  8.0 s  from 1970-01-01T00:00:00Z
                                      START    LENGTH  RESULT
RUN fail                             +0.000     8.0 s  ✗ failure       ━━━━━━━━
│  exit code 3
├─ task build                        +1.000     4.0 s                   ━━━━
│  └─ a-name-that-is-much-longe…     +4.000         0                      ╹
└─ finally                           +5.000     3.0 s                       ━━━
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in [60, 80, 100, 200] {
            let text = render(&example(), Style { width, colour: false });
            let widest = text.lines().skip(1).map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width, "{widest} > {width}\n{text}");
        }
    }

    #[test]
    fn escape_sequences_are_written_only_where_they_are_wanted_and_never_taken_over() {
        let hostile = collect([request(vec![span(1, 1, 0, "\x1b]0;owned\x07\u{202e}x", 0, 1)])]);
        let text = render(&hostile, Style { width: 100, colour: false });
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']) && text.contains("]0;owned"), "{text}");
        assert!(render(&example(), Style { width: 100, colour: true }).contains("\x1b[1;31m"));
    }
}
