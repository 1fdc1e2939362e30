use opentelemetry_proto::tonic::trace::v1::{Status, span::Event, span::Link};

use super::*;
use crate::trace::collect;
use crate::trace::tests::{attribute, request, span};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u{202e}\0";

fn hostile() -> String {
    let mut run = span(1, 1, 0, HOSTILE, 0, 5);
    run.attributes = vec![attribute(HOSTILE, HOSTILE), attribute("tracestamp.span", HOSTILE)];
    run.status = Some(Status { code: 2, message: HOSTILE.to_owned() });
    run.events =
        vec![Event { name: HOSTILE.to_owned(), attributes: vec![attribute("k", HOSTILE)], ..Event::default() }];
    run.links = vec![Link { trace_id: vec![7; 16], span_id: vec![8; 8], ..Link::default() }];
    let mut request = request(vec![run, span(1, 2, 1, "child", 5, 5)]);
    request.resource_spans[0].resource.as_mut().unwrap().attributes.push(attribute(HOSTILE, HOSTILE));
    page(&collect([request]), HOSTILE)
}

#[test]
fn what_a_span_says_is_never_markup() {
    let page = hostile();
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(!page.contains("<img") && !page.contains(['\0', '\u{202e}']));
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img";
    assert_eq!(page.matches(escaped).count(), 13, "{page}");
}

#[test]
fn the_page_loads_nothing() {
    let page = hostile();
    for load in ["http://", "https://", "src=", "url(", "@import", "<link", "<iframe", "fetch(", "import("] {
        let own = page.replace("img src=x", "");
        assert!(!own.contains(load), "{load}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_policy_names_the_script_that_the_page_has() {
    let page = hostile();
    let (_, rest) = page.split_once("<script>").unwrap();
    let (script, _) = rest.split_once("</script>").unwrap();
    assert!(page.contains(&format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))));
}

#[test]
fn a_reader_of_the_tree_is_told_level_and_place_of_each_row() {
    let spans = vec![
        span(1, 1, 0, "run", 0, 5),
        span(1, 2, 1, "a", 0, 1),
        span(1, 3, 1, "b", 2, 3),
        span(1, 4, 9, "orphan", 4, 4),
    ];
    let page = page(&collect([request(spans)]), "t");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("<tr") && line.contains("aria-level")).collect();
    let expected = [(1, 1, 2), (2, 1, 2), (2, 2, 2), (1, 2, 2)];
    assert_eq!(rows.len(), expected.len());
    for (row, (level, place, of)) in rows.iter().zip(expected) {
        let told = format!(r#"aria-level="{level}" aria-posinset="{place}" aria-setsize="{of}""#);
        assert!(row.contains(&told), "{told}: {row}");
    }
    assert!(page.contains("class=\"bar work tick\" style=\"--x:80.000%;--w:0.000%\""), "a span of no length is a tick");
}

#[test]
fn ticks_are_few_and_round() {
    for (length, step) in [(0, 1), (6, 1), (42_000, 10_000), (8_200, 2000), (95_000, 15_000), (600_000, 120_000)] {
        assert_eq!(tick(length * MILLISECOND), step * MILLISECOND, "{length}");
    }
}
