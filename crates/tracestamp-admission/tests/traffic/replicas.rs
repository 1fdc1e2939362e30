//! Any review may reach any replica, twice or never, and none remembers anything.

use std::collections::HashMap;

use tracestamp_core::context::{SpanId, TraceId};
use tracestamp_core::span::SpanRecord;

use crate::recording::{ALL, Call, calls};
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

fn take(into: &mut Spans, span: &SpanRecord<'static>) {
    into.entry((span.context.trace_id, span.context.span_id)).or_insert_with(|| span.clone());
}

#[test]
fn three_replicas_that_share_nothing_give_the_same_spans_as_one() {
    for name in ALL {
        let calls = calls(name);
        let alone: Vec<Vec<SpanRecord<'static>>> = calls.iter().map(Call::spans).collect();
        let again: Vec<_> = calls.iter().map(Call::spans).collect();
        assert_eq!(alone, again, "{name}: a decision depends on the review alone");
        let mut one = Spans::new();
        alone.iter().flatten().for_each(|span| take(&mut one, span));
        for seed in 1..=200 {
            let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            // Each review twice, each time to any of three, in any order.
            let mut dealt: Vec<_> =
                (0..alone.len()).chain(0..alone.len()).map(|call| (call, random.below(3))).collect();
            for at in (1..dealt.len()).rev() {
                dealt.swap(at, random.below(at + 1));
            }
            let mut replicas = [Spans::new(), Spans::new(), Spans::new()];
            for (call, replica) in dealt {
                alone[call].iter().for_each(|span| take(&mut replicas[replica], span));
            }
            let mut union = Spans::new();
            for span in replicas.iter().flat_map(|replica| replica.values()) {
                let first = union.entry((span.context.trace_id, span.context.span_id)).or_insert_with(|| span.clone());
                assert!(
                    *first == *span || may_differ(first, span),
                    "{name}, seed {seed}: two contents\n{first:?}\n{span:?}"
                );
            }
            let ids = |spans: &Spans| spans.keys().copied().collect::<std::collections::BTreeSet<_>>();
            assert_eq!(ids(&union), ids(&one), "{name}, seed {seed}");
        }
    }
}

/// Two contents under one id, where the design says so: a deletion that each replica dates by its own clock. All else
/// of such spans is equal.
fn may_differ(one: &SpanRecord<'_>, other: &SpanRecord<'_>) -> bool {
    let received = |span: &SpanRecord<'_>| attribute(span, "tracestamp.end").as_deref() == Some("received");
    received(one) && received(other) && one.start == other.start && one.name == other.name && one.parent == other.parent
}
