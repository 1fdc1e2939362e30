//! Any review may reach any replica, twice or never, and none remembers anything.

use std::collections::{BTreeSet, HashMap};

use tracestamp_core::context::{SpanId, TraceId};
use tracestamp_core::span::SpanRecord;

use crate::call::Call;
use crate::tree::attribute;

type Spans = HashMap<(TraceId, SpanId), SpanRecord<'static>>;

/// A small generator (xorshift64*), so that a seed is all there is to a failure.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % end
    }
}

/// Asserts that replicas which share nothing give the same spans as one that gets all calls, however these are dealt.
pub fn assert_same_spans_however_dealt(name: &str, calls: &[Call]) {
    let alone: Vec<Vec<SpanRecord<'static>>> = calls.iter().map(Call::spans).collect();
    let again: Vec<_> = calls.iter().map(Call::spans).collect();
    assert_eq!(alone, again, "{name}: a decision depends on the review alone");
    let ids = |spans: &Spans| spans.keys().copied().collect::<BTreeSet<_>>();
    let one = ids(&kept(&alone, &(0..alone.len()).collect::<Vec<_>>()));
    for (how, replicas) in deals(alone.len()) {
        let mut union = Spans::new();
        for span in replicas.iter().flat_map(|calls| kept(&alone, calls).into_values()) {
            let first = union.entry((span.context.trace_id, span.context.span_id)).or_insert_with(|| span.clone());
            let same = *first == span || may_differ(first, &span);
            assert!(same, "{name}, {how}: two contents of one id\n{first:?}\n{span:?}");
        }
        assert_eq!(ids(&union), one, "{name}, {how}");
    }
}

/// What a replica keeps of its calls: the first of equal ids.
fn kept(alone: &[Vec<SpanRecord<'static>>], calls: &[usize]) -> Spans {
    let mut spans = Spans::new();
    for span in calls.iter().flat_map(|&call| &alone[call]) {
        spans.entry((span.context.trace_id, span.context.span_id)).or_insert_with(|| span.clone());
    }
    spans
}

/// Which calls each replica gets, and how they were dealt.
fn deals(calls: usize) -> impl Iterator<Item = (String, Vec<Vec<usize>>)> {
    let half = calls / 2;
    let fixed = [
        ("every other one".to_owned(), vec![(0..calls).step_by(2).collect(), (1..calls).step_by(2).collect()]),
        ("halves".to_owned(), vec![(0..half).collect(), (half..calls).collect()]),
        ("each alone".to_owned(), (0..calls).map(|call| vec![call]).collect()),
    ];
    fixed.into_iter().chain((1..=200).map(move |seed| (format!("seed {seed}"), at_random(calls, seed))))
}

/// Each call twice, each time to any of three replicas, in any order.
fn at_random(calls: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
    let mut dealt: Vec<_> = (0..calls).chain(0..calls).map(|call| (call, random.below(3))).collect();
    for at in (1..dealt.len()).rev() {
        dealt.swap(at, random.below(at + 1));
    }
    let of = |replica| dealt.iter().filter(|dealt| dealt.1 == replica).map(|dealt| dealt.0).collect();
    (0..3).map(of).collect()
}

/// Two contents under one id, where the design says so: a deletion that each replica dates by its own clock. All else
/// of such spans is equal.
fn may_differ(one: &SpanRecord<'_>, other: &SpanRecord<'_>) -> bool {
    let received = |span: &SpanRecord<'_>| attribute(span, "tracestamp.end").as_deref() == Some("received");
    received(one) && received(other) && one.start == other.start && one.name == other.name && one.parent == other.parent
}
