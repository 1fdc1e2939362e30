//! The rows of a waterfall: a span each, and below it a row of details that is shown on demand.

use std::fmt::{self, Write};

use tracestamp_core::span::Look;

use super::{badge, escape, share};
use crate::trace::{Event, Outcome, Row, Span, Trace, clock, duration, offset};

/// Deeper rows are not indented further, or the names would leave their column.
const MAX_INDENT: usize = 12;

/// Writes all rows of a trace. `number` tells it from the others on the page.
pub(super) fn write_all(out: &mut String, number: usize, trace: &Trace) -> fmt::Result {
    let roots = trace.rows.iter().filter(|row| row.depth == 0).count();
    // How many siblings each level has and how many of them were written.
    let mut levels: Vec<(usize, usize)> = vec![(roots, 0)];
    for (at, row) in trace.rows.iter().enumerate() {
        levels.truncate(row.depth + 1);
        let (of, place) = levels.last_mut().map_or((1, 1), |(of, place)| {
            *place += 1;
            (*of, *place)
        });
        levels.push((row.children, 0));
        write_row(out, &format!("{number}-{at}"), trace, row, (place, of))?;
    }
    Ok(())
}

fn write_row(out: &mut String, id: &str, trace: &Trace, row: &Row, (place, of): (usize, usize)) -> fmt::Result {
    let Row { span, depth, children, .. } = row;
    let expanded = if *children > 0 { r#" aria-expanded="true""# } else { "" };
    let bad = if is_bad(span) { " bad" } else { "" };
    write!(
        out,
        r#"<tr role="row" class="span{bad}" aria-level="{level}" aria-posinset="{place}" aria-setsize="{of}"{expanded} data-details="d{id}"><td role="gridcell" class="name" style="--depth:{indent}"><span class="twist" aria-hidden="true"></span>"#,
        level = depth + 1,
        indent = depth.min(&MAX_INDENT),
    )?;
    let label = span.presentation.label;
    if !label.is_empty() {
        write!(out, r#"<span class="kind">{label}</span> "#)?;
    }
    write!(out, r##"<a href="#d{id}">{}</a>"##, escape(&span.name))?;
    if let Some(alias) = &row.alias {
        write!(out, r#"<span class="alias">{}</span>"#, escape(alias))?;
    }
    if !span.error.is_empty() {
        write!(out, r#"<span class="why">{}</span>"#, escape(&span.error))?;
    }
    let from = share(span.start - trace.start, trace.length());
    writeln!(
        out,
        r#"</td><td role="gridcell" class="num">{start}</td><td role="gridcell" class="num">{length}</td><td role="gridcell">{badge}</td><td role="gridcell" class="axis"><div class="lane" aria-hidden="true"><span class="bar {look}{bad}{tick}" style="--x:{from:.3}%;--w:{width:.3}%"></span></div></td></tr>"#,
        start = offset(span.start - trace.start),
        length = duration(span.length()),
        badge = badge(span.outcome),
        look = if span.outcome == Outcome::Skip { "wait" } else { class(span.presentation.look) },
        tick = if span.length() == 0 { " tick" } else { "" },
        width = share(span.length(), trace.length()),
    )?;
    write_details(out, id, trace, span)
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

fn write_details(out: &mut String, id: &str, trace: &Trace, span: &Span) -> fmt::Result {
    write!(out, r#"<tr role="row" class="details" id="d{id}"><td role="gridcell" colspan="5"><div class="panel">"#)?;
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
    write_pairs(out, "Span", &head)?;
    write_pairs(out, "Attributes", &span.attributes)?;
    if !span.events.is_empty() {
        out.push_str("<section><h2>Events</h2><ol>");
        for Event { time, name, attributes } in &span.events {
            let at = if *time < trace.start { clock(*time) } else { offset(time - trace.start) };
            write!(out, r#"<li><span class="at">{at}</span> {}"#, escape(name))?;
            write_list(out, attributes)?;
            out.push_str("</li>");
        }
        out.push_str("</ol></section>");
    }
    if !span.links.is_empty() {
        out.push_str("<section><h2>Links</h2><ul>");
        span.links.iter().try_for_each(|link| write!(out, "<li><code>{}</code></li>", escape(link)))?;
        out.push_str("</ul></section>");
    }
    out.push_str("</div></td></tr>\n");
    Ok(())
}

fn write_pairs(out: &mut String, title: &str, pairs: &[(String, String)]) -> fmt::Result {
    if pairs.is_empty() {
        return Ok(());
    }
    write!(out, "<section><h2>{title}</h2>")?;
    write_list(out, pairs)?;
    out.push_str("</section>");
    Ok(())
}

fn write_list(out: &mut String, pairs: &[(String, String)]) -> fmt::Result {
    if pairs.is_empty() {
        return Ok(());
    }
    out.push_str("<dl>");
    for (key, value) in pairs {
        write!(out, "<dt>{}</dt><dd>{}</dd>", escape(key), escape(value))?;
    }
    out.push_str("</dl>");
    Ok(())
}
