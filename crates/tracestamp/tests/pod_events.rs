//! Events find their Pods although two replicas share nothing: the recordings, each review dealt at random.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tracestamp::recording::{EMBEDDED, Recording, Review};
use tracestamp_admission::{Endpoint, Entropy};
use tracestamp_core::Config;
use tracestamp_core::context::SpanId;
use tracestamp_webhook::PodEvents;

/// Which of two replicas gets a review: a seed is all there is to a failure.
fn dealt(seed: u64, review: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, review).hash(&mut hasher);
    usize::from(hasher.finish() & 1 == 1)
}

/// Observed reviews that the registration lets pass: the recorder's had no matchConditions.
fn reviews(name: &str) -> Vec<Review> {
    let reviews = Recording::open(name).unwrap().map(Result::unwrap);
    let observed = reviews.filter(|review| review.endpoint == Endpoint::Observe && passes(review));
    observed.map(with_a_pull).collect()
}

/// In the recordings most images were there already: as if they had been pulled.
fn with_a_pull(review: Review) -> Review {
    let mut body: Value = serde_json::from_str(review.body.get()).unwrap();
    let message = &mut body["request"]["object"]["message"];
    if !message.as_str().is_some_and(|message| message.contains("already present on machine")) {
        return review;
    }
    *message = "Successfully pulled image \"r/a:1\" in 53ms (69ms including waiting). Image size: 7 bytes.".into();
    Review { body: RawValue::from_string(body.to_string()).unwrap(), ..review }
}

/// As manifests/base/validating.yaml has it for Pods.
fn passes(review: &Review) -> bool {
    let review: Value = serde_json::from_str(review.body.get()).unwrap();
    let request = &review["request"];
    if request["kind"]["kind"] != "Pod" {
        return request["kind"]["kind"] == "Event";
    }
    let (new, old) = (&request["object"], &request["oldObject"]);
    let told = |object: &Value| {
        let status = &object["status"];
        let up = status["conditions"].as_array().into_iter().flatten();
        let up = up.filter(|c| c["type"] == "PodReadyToStartContainers" && c["status"] == "True").count();
        let containers = ["containerStatuses", "initContainerStatuses"].map(|list| {
            let all = status[list].as_array().into_iter().flatten();
            all.map(|container| (container["state"].clone(), container["restartCount"].clone())).collect::<Vec<_>>()
        });
        (object["metadata"]["deletionTimestamp"].is_null(), status["phase"].clone(), up, containers)
    };
    match request["operation"].as_str() {
        Some("DELETE") => true,
        Some("UPDATE") => told(new) != told(old),
        _ => false,
    }
}

/// The spans that Events give, by id, when the reviews reach these replicas.
fn spans(reviews: &[Review], replicas: &[PodEvents], dealt: impl Fn(usize) -> usize) -> BTreeMap<SpanId, String> {
    let config = Config { pod_events: true, ..Config::default() };
    let mut spans = BTreeMap::new();
    for (at, review) in reviews.iter().enumerate() {
        let parsed = tracestamp_admission::Review::parse(review.body.get().as_bytes()).unwrap();
        let mut decision = parsed.decide(Endpoint::Observe, &config, review.received, Entropy([0; 20]));
        let placed = replicas[dealt(at)].take(&parsed, decision.pod_event.take(), &config, review.received);
        for span in placed.spans {
            let content = format!("{span:?}");
            let before = spans.insert(span.context.span_id, content.clone());
            assert!(before.is_none_or(|before| before == content), "one id, two contents");
        }
    }
    spans
}

fn replicas(number: usize) -> Vec<PodEvents> {
    (0..number).map(|_| PodEvents::new(Duration::from_mins(15))).collect()
}

#[test]
fn two_replicas_place_99_of_100_events_without_asking_anybody() {
    let (mut all, mut placed) = (0, 0);
    for (name, _) in EMBEDDED {
        let reviews = reviews(name);
        let alone = spans(&reviews, &replicas(1), |_| 0);
        for seed in 1..=200 {
            let found = spans(&reviews, &replicas(2), |review| dealt(seed, review));
            assert!(found.iter().all(|(id, span)| alone.get(id) == Some(span)), "{name}, seed {seed}");
            all += alone.len();
            placed += found.len();
        }
    }
    println!("{placed} of {all} placed");
    assert!(all >= 200 * 70 && placed * 100 >= all * 99, "{placed} of {all}");
}
