use serde_json::{Value, json};
use tracestamp_admission::{Endpoint, Entropy};
use tracestamp_core::span::Status;

use super::*;

const HOLD: Duration = Duration::from_mins(1);
const CREATED: &str = "2026-11-21T00:39:30Z";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(Timestamp::parse(CREATED).unwrap().nanos() + seconds * 1_000_000_000)
}

fn config() -> Config {
    Config { pod_events: true, ..Config::default() }
}

fn review(kind: &str, operation: &str, object: &Value) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": operation, "namespace": object["metadata"]["namespace"], "dryRun": false,
        "kind": {"group": "", "version": "v1", "kind": kind}, "object": object, "oldObject": object,
    }})
    .to_string()
}

/// A Pod of which the API server tells something that ends nothing.
fn pod(number: u32) -> String {
    pod_in("ci", number, &json!({}))
}

fn pod_in(namespace: &str, number: u32, annotations: &Value) -> String {
    let task_run =
        json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": "build", "uid": "t", "controller": true});
    let object = json!({"metadata": {
        "name": format!("build-{number}-pod"), "namespace": namespace, "uid": format!("uid-{number}"),
        "creationTimestamp": CREATED, "labels": {"tekton.dev/taskRun": "build"}, "annotations": annotations,
        "ownerReferences": [task_run],
    }});
    review("Pod", "UPDATE", &object)
}

fn event(number: u32, reason: &str, message: &str) -> String {
    event_in("ci", number, reason, message)
}

/// An Event of the 10th second.
fn event_in(namespace: &str, number: u32, reason: &str, message: &str) -> String {
    let involved = json!({
        "kind": "Pod", "apiVersion": "v1", "name": format!("build-{number}-pod"), "uid": format!("uid-{number}"),
        "fieldPath": "spec.containers{step-s}",
    });
    let name = format!("build-{number}-pod.{:x}", at(10).nanos() + 250_000_000);
    let object = json!({
        "metadata": {"name": name, "namespace": namespace}, "involvedObject": involved, "reason": reason,
        "message": message, "firstTimestamp": at(10).to_string(),
    });
    review("Event", "CREATE", &object)
}

/// As the webhook takes a review that is observed.
fn take(events: &PodEvents, body: &str, seconds: u64) -> Placed {
    let (review, config) = (Review::parse(body.as_bytes()).unwrap(), config());
    let mut decision = review.decide(Endpoint::Observe, &config, at(seconds), Entropy([0; 20]));
    events.take(&review, decision.pod_event.take(), &config, at(seconds))
}

fn pulled(number: u32) -> String {
    event(number, "Pulled", "Successfully pulled image \"r/a:1\" in 4s (5.5s including waiting). Image size: 7 bytes.")
}

fn text(span: &SpanRecord<'_>) -> String {
    let attributes = span.attributes.iter().map(|attribute| format!("{}={:?}", attribute.key, attribute.value));
    attributes.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_event_gives_its_span_whichever_came_first() {
    let (early, late) = (PodEvents::new(HOLD), PodEvents::new(HOLD));
    assert!(take(&early, &pulled(1), 10).spans.is_empty());
    assert_eq!(early.waiting(), 1);
    let first = take(&early, &pod(1), 12);
    assert_eq!((first.fates.as_slice(), early.waiting()), (&[Fate::Recorded][..], 0));
    assert!(take(&late, &pod(1), 9).spans.is_empty());
    let second = take(&late, &pulled(1), 10);
    assert_eq!(first.spans, second.spans, "at whichever replica");
    let [span] = &first.spans[..] else { panic!("{first:?}") };
    assert_eq!((&*span.span_type, &*span.name, &span.status), ("pull", "pull r/a:1", &Status::Unset));
    assert_eq!(
        (span.start.to_string(), span.end.to_string()),
        ("2026-11-21T00:39:34.75Z".to_owned(), "2026-11-21T00:39:40.25Z".to_owned(),)
    );
    let text = text(span);
    for told in [
        "k8s.pod.name=Text(\"build-1-pod\")",
        "k8s.container.name=Text(\"step-s\")",
        "container.image.name=Text(\"r/a\")",
        "container.image.tags=TextList([\"1\"])",
        "tracestamp.pull.waited=Double(1.5)",
        "tracestamp.image.size=Int(7)",
        "tracestamp.attempt=Int(1)",
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
}

#[test]
fn a_pull_that_failed_has_no_length_and_a_cause_but_no_words() {
    let events = PodEvents::new(HOLD);
    take(&events, &pod(1), 9);
    let placed = take(&events, &event(1, "Failed", "Failed to pull image \"r/a:1\": s3cret: not found"), 10);
    let [span] = &placed.spans[..] else { panic!("{placed:?}") };
    assert_eq!((span.start, &span.status), (span.end, &Status::Error("".into())));
    assert!(text(span).contains("error.type=Text(\"not_found\")") && !format!("{span:?}").contains("s3cret"));
    let placed = take(&events, &event(1, "FailedScheduling", "0/1 nodes: s3cret"), 10);
    let [span] = &placed.spans[..] else { panic!("{placed:?}") };
    assert_eq!((&*span.span_type, &*span.name, span.start), ("pod_event", "FailedScheduling", span.end));
    assert!(!format!("{span:?}").contains("s3cret"));
}

#[test]
fn a_pull_that_seems_to_begin_before_its_pod_is_cut_there_and_marked() {
    let events = PodEvents::new(HOLD);
    take(&events, &pod(1), 9);
    let placed = take(&events, &event(1, "Pulled", "Successfully pulled image \"a\" in 1m0s"), 10);
    let [span] = &placed.spans[..] else { panic!("{placed:?}") };
    assert_eq!(span.start.to_string(), CREATED);
    assert!(text(span).contains("tracestamp.clamped=Bool(true)"));
}

#[test]
fn events_of_one_pod_have_ids_of_their_own_below_it() {
    let events = PodEvents::new(HOLD);
    take(&events, &pod(1), 9);
    let [one, other] = [pulled(1), event(1, "Killing", "")].map(|event| take(&events, &event, 10).spans.remove(0));
    assert_ne!(one.context.span_id, other.context.span_id);
    assert_eq!((one.parent, one.context.trace_id), (other.parent, other.context.trace_id));
}

#[test]
fn nobody_can_write_events_into_the_trace_of_another_namespace() {
    let events = PodEvents::new(HOLD);
    take(&events, &pod(1), 9);
    let forged = event_in("theirs", 1, "Killing", "");
    assert_eq!(take(&events, &forged, 10).fates, [Fate::Foreign]);
    take(&events, &event_in("theirs", 2, "Killing", ""), 10);
    let placed = take(&events, &pod(2), 11);
    assert_eq!((placed.spans.len(), placed.fates.as_slice()), (0, &[Fate::Foreign][..]));
}

#[test]
fn an_event_waits_no_longer_than_it_is_told_to() {
    let events = PodEvents::new(HOLD);
    take(&events, &pulled(1), 10);
    assert_eq!(take(&events, &pulled(2), 70).fates, []);
    let placed = take(&events, &pod(1), 71);
    assert_eq!((placed.spans.len(), placed.fates.as_slice()), (0, &[Fate::Expired][..]));
    assert_eq!(take(&events, &pod(2), 71).fates, [Fate::Recorded]);
}

#[test]
fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
    // A namespace may hold a quarter of what waits.
    let events = PodEvents::with_capacity(HOLD, NonZeroUsize::new(12).unwrap());
    let fates: Vec<_> = (1..=5).flat_map(|number| take(&events, &pulled(number), 10).fates).collect();
    assert_eq!((fates.as_slice(), events.waiting()), (&[Fate::Displaced, Fate::Displaced][..], 3));
    assert_eq!(take(&events, &pod(2), 11).fates, []);
    assert_eq!(take(&events, &pod(3), 11).fates, [Fate::Recorded]);
    (6..=17).for_each(|number| drop(take(&events, &pod(number), 11)));
    assert_eq!(take(&events, &pulled(3), 12).fates, [], "it is forgotten");
    assert_eq!(take(&events, &pulled(17), 12).fates, [Fate::Recorded]);
}

#[test]
fn one_namespace_cannot_displace_what_others_wait_for() {
    let events = PodEvents::with_capacity(HOLD, NonZeroUsize::new(12).unwrap());
    take(&events, &pulled(1), 10);
    for number in 100..200 {
        take(&events, &event_in("theirs", number, "Killing", ""), 10);
    }
    assert_eq!(events.waiting(), 4);
    assert_eq!(take(&events, &pod(1), 11).fates, [Fate::Recorded]);
    // All of them together can.
    for number in 0..12 {
        take(&events, &event_in(&format!("n{number}"), 300 + number, "Killing", ""), 12);
    }
    assert_eq!(events.waiting(), 12);
    assert_eq!(take(&events, &event_in("n20", 400, "Killing", ""), 12).fates, [Fate::Displaced]);
    assert_eq!(events.waiting(), 12);
}

#[test]
fn an_event_of_a_pod_that_is_not_there_loses_no_event_of_one_that_is() {
    let events = PodEvents::new(HOLD);
    take(&events, &event_in("theirs", 1, "Killing", ""), 10);
    take(&events, &pulled(1), 10);
    let overdue = events.overdue(Duration::ZERO, at(40));
    assert_eq!(overdue.len(), 2, "each Pod is asked for by its own name");
    assert_eq!(events.give_up(&overdue[0], &config()).fates, [Fate::NotTraced]);
    assert_eq!(take(&events, &pod(1), 41).fates, [Fate::Recorded]);
}

#[test]
fn a_pod_that_no_api_server_would_send_is_not_remembered() {
    let events = PodEvents::new(HOLD);
    let long = "x".repeat(60_000);
    for (from, to) in
        [("uid-1\"", format!("{long}\"")), ("build-1-pod", long.clone()), ("\"ci\"", format!("\"{long}\""))]
    {
        take(&events, &pod(1).replace(from, &to), 9);
    }
    let kept: usize = events.state().pods.iter().map(|(uid, place)| uid.len() + format!("{place:?}").len()).sum();
    assert!(kept < 1000, "{kept}");
    take(&events, &event_in(&long, 1, "Killing", ""), 10);
    assert_eq!(events.waiting(), 0);
}

#[test]
fn events_of_a_trace_that_is_not_recorded_give_nothing() {
    let events = PodEvents::new(HOLD);
    let never = pod_in("ci", 1, &json!({"tracestamp.dev/sample": "never"}));
    take(&events, &never, 9);
    let placed = take(&events, &pulled(1), 10);
    assert_eq!((placed.spans.len(), placed.fates.as_slice()), (0, &[Fate::NotTraced][..]));
    take(&events, &pod_in("kube-system", 2, &json!({})), 9);
    assert_eq!(take(&events, &event(2, "Killing", ""), 10).fates, [Fate::NotTraced], "an excluded namespace");
}

/// The Pods that are asked for at this second, by their numbers.
fn asked(events: &PodEvents, seconds: u64) -> Vec<String> {
    let overdue = events.overdue(Duration::from_secs(30), at(seconds));
    overdue.into_iter().map(|event| event.pod_uid.replace("uid-", "")).collect()
}

#[test]
fn a_pod_that_is_asked_for_in_vain_keeps_no_other_waiting() {
    let events = PodEvents::new(HOLD);
    let pods = 3 * u32::try_from(LOOKUPS).unwrap() / 2;
    for number in 0..pods {
        take(&events, &pulled(number), 10);
        take(&events, &event(number, "Killing", ""), 10);
    }
    assert_eq!(asked(&events, 39), [""; 0], "it is early");
    let first = asked(&events, 40);
    assert_eq!(first, (0..64).map(|number| number.to_string()).collect::<Vec<_>>());
    // None of them was found. Those that were not asked for yet come first, then the oldest again.
    let second = asked(&events, 45);
    assert_eq!(second, (64..96).chain(0..32).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(asked(&events, 50)[..32], (32..64).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn namespaces_are_asked_for_in_turn() {
    let events = PodEvents::new(HOLD);
    (0..100).for_each(|number| drop(take(&events, &event_in("theirs", number, "Killing", ""), 10)));
    take(&events, &pulled(200), 11);
    take(&events, &pulled(201), 11);
    assert_eq!(asked(&events, 45)[..4], ["0", "200", "1", "201"]);
}
