//! The order of a tree, without recursion.

use std::collections::HashMap;

use super::{Row, Span};

/// Orders spans as a tree is read. Spans whose parent is not among them are roots; so is the first span of a circle,
/// which no honest sender makes.
pub(super) fn arrange(mut spans: Vec<Span>) -> Vec<Row> {
    spans.sort_by(|a, b| {
        let rank = |span: &Span| span.presentation.rank;
        (a.start, rank(a), b.end, &a.name, &a.id).cmp(&(b.start, rank(b), a.end, &b.name, &b.id))
    });
    let place: HashMap<String, usize> = spans.iter().enumerate().map(|(at, span)| (span.id.clone(), at)).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        match place.get(&span.parent) {
            Some(&parent) if parent != at => children.entry(parent).or_default().push(at),
            _ => roots.push(at),
        }
    }
    let mut aliases = aliases(&spans);
    let mut spans: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
    let mut rows = Vec::new();
    let all = 0..spans.len();
    let last_root = roots.last().copied();
    for root in roots.into_iter().chain(all) {
        let mut next = vec![(root, 0, last_root.is_some_and(|last| root < last))];
        while let Some((at, depth, followed)) = next.pop() {
            let Some(span) = spans.get_mut(at).and_then(Option::take) else { continue };
            let below = children.remove(&at).unwrap_or_default();
            let last = below.last().copied();
            let alias = aliases.get_mut(at).and_then(Option::take);
            rows.push(Row { span, depth, followed, children: below.len(), alias });
            next.extend(below.into_iter().rev().map(|child| (child, depth + 1, Some(child) != last)));
        }
    }
    rows
}

/// For each task run among siblings of the same name, what Kubernetes calls it.
fn aliases(spans: &[Span]) -> Vec<Option<String>> {
    let mut namesakes: HashMap<(&str, usize, &str), usize> = HashMap::new();
    for span in spans.iter().filter(|span| span.presentation.alias.is_some()) {
        *namesakes.entry((&span.parent, span.presentation.rank, &span.name)).or_default() += 1;
    }
    let alias = |span: &Span| {
        let key = span.presentation.alias?;
        let shared = namesakes.get(&(span.parent.as_str(), span.presentation.rank, span.name.as_str())) > Some(&1);
        span.attribute(key).filter(|_| shared).map(str::to_owned)
    };
    spans.iter().map(alias).collect()
}
