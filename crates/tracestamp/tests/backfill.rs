//! `tracestamp backfill` against recorded traffic: the last state of every object gives what its updates gave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tracestamp::backfill::{Backfill, Gone};
use tracestamp::recording::{EMBEDDED, Recording};
use tracestamp_admission::{Endpoint, Entropy};
use tracestamp_core::kind::KINDS;
use tracestamp_core::object::Resource;
use tracestamp_core::span::{SpanRecord, Status, decode, encode};
use tracestamp_core::{Config, Timestamp};

/// What each recording gives, and the last state of each object in it.
struct World {
    /// By span id: the uid of the object, the record.
    sent: BTreeMap<String, (String, Vec<u8>)>,
    objects: BTreeMap<String, (&'static Resource, Value)>,
    created: BTreeSet<String>,
}

fn world(name: &str) -> World {
    let config = Config::default();
    let mut world = World { sent: BTreeMap::new(), objects: BTreeMap::new(), created: BTreeSet::new() };
    for review in Recording::open(name).unwrap() {
        let review = review.unwrap();
        if review.endpoint != Endpoint::Observe {
            continue;
        }
        let body = review.body.get();
        let parsed = tracestamp_admission::Review::parse(body.as_bytes()).unwrap();
        let request: Value = serde_json::from_str::<Value>(body).unwrap()["request"].take();
        let kind = KINDS.iter().map(|kind| kind.resource()).find(|kind| request["kind"]["kind"] == kind.kind);
        let uid = |object: &str| request[object]["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        for span in &parsed.decide(Endpoint::Observe, &config, review.received, Entropy([0; 20])).spans {
            let record = || (uid("oldObject"), encode(span, Vec::new()).unwrap());
            world.sent.entry(id(span)).or_insert_with(record);
        }
        match (kind, request["operation"].as_str().unwrap()) {
            (Some(_), "CREATE") => drop(world.created.insert(uid("object"))),
            (Some(kind), "UPDATE") => drop(world.objects.insert(uid("object"), (kind, request["object"].clone()))),
            _ => {}
        }
    }
    world
}

fn id(span: &SpanRecord<'_>) -> String {
    span.context.to_string()
}

#[test]
fn the_last_state_of_every_object_gives_the_same_bytes_and_lacks_only_what_passes_by() {
    let backfill = Backfill { config: Config::default(), since: Timestamp::from_nanos(0) };
    let (mut equal, mut lacking) = (0, Vec::new());
    for (name, _) in EMBEDDED {
        let world = world(name);
        let mut again = BTreeMap::new();
        // Of others, which were there before, the recording does not hold all updates.
        let whole = world.objects.iter().filter(|(uid, _)| world.created.contains(*uid));
        for (_, (kind, object)) in whole {
            for record in backfill.records(kind, object, Timestamp::from_nanos(1)) {
                again.insert(id(&decode(&record).unwrap()), record);
            }
        }
        for (id, record) in &again {
            let (_, sent) = world.sent.get(id).unwrap_or_else(|| panic!("{name}: never sent: {:?}", decode(record)));
            assert_eq!(decode(sent).unwrap(), decode(record).unwrap(), "{name}");
            equal += 1;
        }
        let lacks = |id: &str, uid: &str| !again.contains_key(id) && world.created.contains(uid);
        for (id, (_, sent)) in world.sent.iter().filter(|(id, (uid, _))| lacks(id, uid)) {
            let span = decode(sent).unwrap();
            let told = |key: &str| span.attributes.iter().any(|attribute| attribute.key == key);
            let passes_by = matches!(&*span.span_type, "schedule" | "sandbox");
            let deleted = told("tracestamp.end") || matches!(span.status, Status::Error(_)) && span.span_type != "step";
            lacking.push(format!("{name} {} {} {id}", span.span_type, span.name));
            assert!(passes_by || deleted, "{name}: lacks {span:?}");
        }
    }
    println!("{}", lacking.join("\n"));
    assert!(equal > 80, "{equal}");
}

#[test]
fn what_ended_before_is_left_out() {
    let ended = |since: &str| {
        let backfill = Backfill { config: Config::default(), since: Timestamp::parse(since).unwrap() };
        let run = json!({
            "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
            "metadata": {"name": "build", "namespace": "ci", "uid": "5f1d1c9e-0000-4000-8000-000000000001",
                "creationTimestamp": "2026-11-21T00:00:00Z"},
            "status": {"startTime": "2026-11-21T00:00:02Z", "completionTime": "2026-11-21T00:00:07Z",
                "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]},
        });
        let records = backfill.records(KINDS[1].resource(), &run, Timestamp::from_nanos(1));
        records.iter().map(|record| decode(record).unwrap().span_type.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ended("2026-11-21T00:00:00Z"), ["pending", "task_run"]);
    assert_eq!(ended("2026-11-21T00:00:05Z"), ["task_run"]);
    assert_eq!(ended("2026-11-21T00:00:08Z"), Vec::<String>::new());
}

#[test]
fn a_run_that_goes_on_has_no_span_yet() {
    let backfill = Backfill { config: Config::default(), since: Timestamp::from_nanos(0) };
    let run = json!({
        "metadata": {"name": "build", "namespace": "ci", "uid": "u", "creationTimestamp": "2026-11-21T00:00:00Z"},
        "status": {"startTime": "2026-11-21T00:00:02Z", "conditions": [{"type": "Succeeded", "status": "Unknown"}]},
    });
    assert_eq!(backfill.records(KINDS[0].resource(), &run, Timestamp::from_nanos(1)), Vec::<Vec<u8>>::new());
}

#[test]
fn what_others_name_and_is_not_there_is_gone() {
    let mut gone = Gone::default();
    gone.look(
        KINDS[0].resource(),
        &json!({"metadata": {"namespace": "ci", "name": "release"}, "status": {"childReferences": [
            {"kind": "TaskRun", "name": "release-build"}, {"kind": "TaskRun", "name": "release-test"},
        ]}}),
    );
    gone.look(
        KINDS[1].resource(),
        &json!({"metadata": {"namespace": "ci", "name": "release-build"}, "status": {"podName": "release-build-pod"}}),
    );
    assert_eq!(gone.names().collect::<Vec<_>>(), ["Pod ci/release-build-pod", "TaskRun ci/release-test"]);
}

#[test]
fn more_names_than_can_be_kept_are_no_reason_to_call_an_object_gone() {
    let mut gone = Gone::default();
    let long = "x".repeat(200);
    let run = |number: u32| {
        let child = |child: u32| json!({"kind": "TaskRun", "name": format!("{number}-{child}-{long}")});
        let children: Vec<_> = (0..1000).map(child).collect();
        json!({"metadata": {"namespace": "ci", "name": "release"}, "status": {"childReferences": children}})
    };
    (0..200).for_each(|number| gone.look(KINDS[0].resource(), &run(number)));
    assert_eq!((gone.is_cut(), gone.names().count()), (false, 200_000));
    (200..400).for_each(|number| gone.look(KINDS[0].resource(), &run(number)));
    assert_eq!((gone.is_cut(), gone.names().count()), (true, 0));
}

#[test]
fn names_of_what_is_gone_are_plain_and_cut() {
    let mut gone = Gone::default();
    let name = format!("gone\x1b]0;owned\x07\n{}", "n".repeat(100_000));
    let children = json!([{"kind": "TaskRun\r", "name": name}]);
    gone.look(
        KINDS[0].resource(),
        &json!({"metadata": {"namespace": "ci", "name": "a"}, "status": {"childReferences": children}}),
    );
    let names: Vec<_> = gone.names().collect();
    assert!(names[0].starts_with("TaskRun\u{fffd} ci/gone\u{fffd}]0;owned\u{fffd}\u{fffd}nn"), "{names:?}");
    assert!(names[0].len() < 400);
}
