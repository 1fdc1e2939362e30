//! How often a review allocates, from its bytes to the answer's and the records': counted exactly on everything that was
//! recorded. Machines are noisy, this number is not, and time follows it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/call.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
mod call;
#[path = "traffic/recording.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of traffic")]
mod recording;

use std::collections::BTreeMap;

use allocation_counter::{AllocationInfo, measure};
use call::Call;
use tracestamp_admission::{Entropy, Review};
use tracestamp_core::Config;
use tracestamp_core::span::encode;

/// Kind, operation and outcome of a review, as the webhook's metrics call them.
type Sort = (&'static str, &'static str, &'static str);

/// The most that reviews of one sort allocate.
#[derive(Clone, Copy, Default, Debug)]
struct Most {
    reviews: usize,
    allocations: u64,
    bytes: u64,
}

/// What the webhook does with a body.
fn decide(call: &Call, config: &Config) -> (Sort, AllocationInfo) {
    let mut sort = None;
    let info = measure(|| {
        let review = Review::parse(call.body.as_bytes()).unwrap();
        let decision = review.decide(call.endpoint, config, call.received, Entropy([7; 20]));
        let answer = decision.answer();
        let records: Vec<_> = decision.spans.iter().map(|span| encode(span, Vec::new()).unwrap()).collect();
        sort = Some((decision.kind, decision.operation, decision.outcome.as_str()));
        drop((answer, records));
    });
    (sort.unwrap(), info)
}

fn most() -> BTreeMap<Sort, Most> {
    let config = Config::default();
    let mut sorts: BTreeMap<Sort, Most> = BTreeMap::new();
    for call in recording::ALL.iter().flat_map(|name| recording::calls(name)) {
        let (sort, info) = decide(&call, &config);
        let most = sorts.entry(sort).or_default();
        most.reviews += 1;
        most.allocations = most.allocations.max(info.count_total);
        most.bytes = most.bytes.max(info.bytes_total);
    }
    #[allow(clippy::print_stdout, reason = "`--nocapture` shows how far each is from its limit")]
    for ((kind, operation, outcome), Most { reviews, allocations, bytes }) in &sorts {
        println!(
            "{kind:11} {operation:6} {outcome:10} {reviews:4} reviews, at most {allocations:3} allocations, {bytes:5} bytes"
        );
    }
    sorts
}

#[test]
fn a_review_allocates_no_more_than_its_sort_may() {
    let sorts = most();
    // Nearly all reviews: nothing is created and nothing ends.
    let quiet = ["not_traced", "unchanged"];
    for (kinds, operation, outcomes, allocations, bytes) in [
        (&["PipelineRun", "TaskRun"][..], "UPDATE", &quiet[..], 12, 4 << 10),
        (&["Pod"], "UPDATE", &quiet, 16, 7 << 10),
        (&["PipelineRun", "TaskRun", "Pod", "other"], "CREATE", &["not_traced"], 9, 4 << 10),
        (&["PipelineRun", "TaskRun"], "CREATE", &["stamped"], 16, 7 << 10),
        // The patch and its Base64 grow with the containers.
        (&["Pod"], "CREATE", &["stamped"], 16, 12 << 10),
        // Two spans of a run, three of a Pod, with all that they tell.
        (&["PipelineRun", "TaskRun"], "UPDATE", &["recorded"], 56, 12 << 10),
        (&["Pod"], "UPDATE", &["recorded"], 96, 26 << 10),
    ] {
        for (kind, outcome) in kinds.iter().flat_map(|kind| outcomes.iter().map(move |outcome| (kind, outcome))) {
            let most = sorts[&(*kind, operation, *outcome)];
            assert!(
                most.allocations <= allocations && most.bytes <= bytes,
                "{kind} {operation} {outcome}: {most:?}, allowed are {allocations} and {bytes} bytes"
            );
        }
    }
}
