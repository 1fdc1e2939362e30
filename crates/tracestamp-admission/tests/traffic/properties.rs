//! What holds for every review there can be, shown on mutated real ones and on arbitrary JSON.

use std::sync::OnceLock;

use json_patch::Patch;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tracestamp_admission::{Endpoint, Entropy, Review, allow};
use tracestamp_core::span::SpanRecord;
use tracestamp_core::{Config, Timestamp};

use crate::call::owned;
use crate::recording::calls;

/// Recorded reviews of traced kinds, of every operation.
fn recorded() -> &'static Vec<Value> {
    static ALL: OnceLock<Vec<Value>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = ["cancel", "fail", "sidecar", "pull"].into_iter().flat_map(calls);
        let all = all.map(|call| serde_json::from_str(&call.body).unwrap());
        all.filter(|review: &Value| {
            ["PipelineRun", "TaskRun", "Pod"].contains(&review["request"]["kind"]["kind"].as_str().unwrap())
        })
        .collect()
    })
}

const HOSTILE: [&str; 12] = [
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "{\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\"}",
    "{\"traceparent\":",
    "ot=th:0;rv:00000000000000,a=b",
    "a\u{0}b\u{7}",
    "always",
    "override",
    "tekton.dev/v1",
    "2026-11-21T00:38:43Z",
    "9999-12-31T23:59:59Z",
    "-pod-retry4294967296",
    "",
];

const KEYS: [&str; 10] = [
    "tracestamp.dev/traceparent",
    "tracestamp.dev/tracestate",
    "tracestamp.dev/parent",
    "tracestamp.dev/links",
    "tracestamp.dev/nonce",
    "tracestamp.dev/sample",
    "tekton.dev/pipelinerunSpanContext",
    "tekton.dev/taskrunSpanContext",
    "traceparent",
    "b3",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(&HOSTILE[..]).prop_map(Value::from),
        Just(Value::from("x".repeat(300_000))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"name": "step-x", "env": [{"name": "traceparent"}]}])),
    ]
}

fn arbitrary() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z/.]{1,20}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A change at a place found by walking down by `path`, where each step picks a child.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Vec<u8>, Value),
    Remove(Vec<u8>),
    Annotate(&'static str, Value),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let path = || prop::collection::vec(any::<u8>(), 1..7);
    prop_oneof![
        (path(), scalar()).prop_map(|(path, value)| Mutation::Replace(path, value)),
        path().prop_map(Mutation::Remove),
        (prop::sample::select(&KEYS[..]), prop::sample::select(&HOSTILE[..]))
            .prop_map(|(key, value)| Mutation::Annotate(key, Value::from(value))),
    ]
}

fn place<'v>(mut value: &'v mut Value, path: &[u8]) -> &'v mut Value {
    for &step in path {
        let len = value.as_object().map(Map::len).or_else(|| value.as_array().map(Vec::len)).unwrap_or(0);
        if len == 0 {
            break;
        }
        let at = usize::from(step) % len;
        value = match value {
            Value::Object(members) => members.values_mut().nth(at).unwrap(),
            Value::Array(list) => &mut list[at],
            _ => unreachable!(),
        };
    }
    value
}

fn mutated() -> impl Strategy<Value = Value> {
    let count = recorded().len();
    (0..count, prop::collection::vec(mutation(), 0..6)).prop_map(|(which, mutations)| {
        let mut review = recorded()[which].clone();
        for mutation in mutations {
            let object = if review["request"]["object"].is_object() { "object" } else { "oldObject" };
            let object = &mut review["request"][object];
            match mutation {
                Mutation::Replace(path, value) => *place(object, &path) = value,
                Mutation::Remove(path) => {
                    if let Value::Object(members) = place(object, &path[1..]) {
                        let key = members.keys().nth(usize::from(path[0]) % members.len().max(1)).cloned();
                        key.map(|key| members.remove(&key));
                    }
                }
                Mutation::Annotate(key, value) => {
                    if let Some(annotations) =
                        object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
                    {
                        annotations.insert(key.to_owned(), value);
                    }
                }
            }
        }
        review
    })
}

struct Decided {
    patch: Option<Patch>,
    spans: Vec<SpanRecord<'static>>,
}

fn decide(review: &Value, endpoint: Endpoint, entropy: u8) -> Option<Decided> {
    let body = review.to_string();
    let parsed = Review::parse(body.as_bytes()).ok()?;
    let config = Config::default();
    let decision =
        parsed.decide(endpoint, &config, Timestamp::from_nanos(1_795_221_523_000_000_000), Entropy([entropy; 20]));
    Some(Decided {
        patch: decision.patch.as_ref().map(|patch| serde_json::from_slice(patch).unwrap()),
        spans: decision.spans.iter().map(owned).collect(),
    })
}

fn as_create(mut review: Value) -> Value {
    review["request"]["operation"] = json!("CREATE");
    review["request"]["subResource"] = json!("");
    if !review["request"]["object"].is_object() {
        review["request"]["object"] = review["request"]["oldObject"].take();
    }
    review
}

/// The stamped object; `None` when there is no patch. Fails when the patch does not apply.
fn stamped(review: &Value, entropy: u8) -> Option<Value> {
    let patch = decide(review, Endpoint::Stamp, entropy)?.patch?;
    let mut object = review["request"]["object"].clone();
    json_patch::patch(&mut object, &patch).expect("a patch always applies");
    Some(object)
}

/// What differs but must not: `None` when nothing does.
fn strange(path: &str, before: &Value, after: &Value) -> Option<String> {
    // What is of the wrong type is left as it is, and would not be taken apart below.
    if before == after {
        return None;
    }
    if path == "/metadata/annotations" {
        let (none, before) = (Map::new(), before.as_object());
        let before = before.unwrap_or(&none);
        let ours = |key: &str| {
            key.starts_with("tracestamp.dev/")
                || key.ends_with(".tracestamp.dev/traceparent")
                || key == KEYS[6]
                || key == KEYS[7]
        };
        let after = after.as_object().unwrap();
        let lost = before.keys().find(|key| !after.contains_key(*key));
        let changed = after.iter().find(|(key, value)| before.get(*key) != Some(value) && !ours(key));
        return lost.or(changed.map(|(key, _)| key)).map(|key| format!("{path}/{key}"));
    }
    if path.ends_with("/env") && path.starts_with("/spec/") {
        let none = Vec::new();
        let (before, after) = (before.as_array().unwrap_or(&none), after.as_array().unwrap());
        let kept = after.len().checked_sub(before.len()).is_some_and(|added| after[added..] == before[..]);
        return (!kept).then(|| path.to_owned());
    }
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            keys.into_iter().find_map(|key| {
                let null = Value::Null;
                strange(&format!("{path}/{key}"), one.get(key).unwrap_or(&null), other.get(key).unwrap_or(&null))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            (0..one.len()).find_map(|at| strange(&format!("{path}/{at}"), &one[at], &other[at]))
        }
        (one, other) => (one != other).then(|| path.to_owned()),
    }
}

fn paths(prefix: &str, value: &Value, found: &mut Vec<String>) {
    found.push(prefix.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| paths(&format!("{prefix}/{key}"), value, found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| paths(&format!("{prefix}/{at}"), value, found));
        }
        _ => {}
    }
}

fn owned_by_traced(object: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let owner = owners.and_then(|owners| owners.iter().find(|owner| owner["controller"] == true));
    owner.is_some_and(|owner| {
        owner["apiVersion"].as_str().unwrap_or_default().starts_with("tekton.dev/")
            && ["PipelineRun", "TaskRun", "CustomRun"].contains(&owner["kind"].as_str().unwrap_or_default())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_patch_applies_and_changes_nothing_but_what_is_ours(review in mutated().prop_map(as_create)) {
        if let Some(after) = stamped(&review, 7) {
            prop_assert_eq!(strange("", &review["request"]["object"], &after), None);
        }
    }

    #[test]
    fn a_second_pass_over_a_child_is_empty_and_over_a_root_starts_anew_and_links(review in mutated().prop_map(as_create)) {
        if let Some(once) = stamped(&review, 7) {
            let mut second = review.clone();
            second["request"]["object"] = once.clone();
            let twice = stamped(&second, 8);
            if owned_by_traced(&once) {
                prop_assert_eq!(twice, None);
            } else {
                let twice = twice.expect("a root is always minted anew");
                let annotation = |object: &Value, key: &str| object["metadata"]["annotations"][key].as_str().unwrap_or_default().to_owned();
                let (first, new) = (annotation(&once, KEYS[0]), annotation(&twice, KEYS[0]));
                let joined = |object: &Value| !annotation(object, "tracestamp.dev/parent").is_empty();
                prop_assert!(first[3..35] != new[3..35] || joined(&twice), "a new trace");
                prop_assert!(annotation(&twice, "tracestamp.dev/links").contains(&first), "a link to the first");
                let (mut before, mut after) = (Vec::new(), Vec::new());
                paths("", &once, &mut before);
                paths("", &twice, &mut after);
                prop_assert!(before.iter().all(|path| after.contains(path)), "every path is kept");
            }
        }
    }

    #[test]
    fn spans_are_whole_and_the_same_input_gives_the_same(review in mutated()) {
        let Some(decided) = decide(&review, Endpoint::Observe, 7) else { return Ok(()) };
        prop_assert!(decided.patch.is_none());
        let again = decide(&review, Endpoint::Observe, 9).unwrap();
        prop_assert_eq!(&decided.spans, &again.spans);
        let mut ids = std::collections::HashSet::new();
        for span in &decided.spans {
            prop_assert!(span.end >= span.start);
            prop_assert_ne!(Some(span.context.span_id), span.parent);
            prop_assert!(ids.insert(span.context.span_id), "an id twice in one decision: {span:?}");
            prop_assert!(span.links.len() <= 8 && span.events.len() <= 128 && span.tracestate.len() <= 512);
        }
    }

    #[test]
    fn arbitrary_json_in_an_objects_place_is_answered(object in arbitrary(), which in 0..recorded().len()) {
        let mut review = recorded()[which].clone();
        review["request"]["object"] = object.clone();
        for endpoint in [Endpoint::Stamp, Endpoint::Observe] {
            prop_assert!(decide(&review, endpoint, 7).is_some());
        }
        let create = as_create(review.clone());
        let _ = stamped(&create, 7);
        prop_assert!(allow(review.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), json in arbitrary()) {
        let _ = Review::parse(&bytes);
        let _ = allow(&bytes);
        let json = json.to_string();
        prop_assert_eq!(Review::parse(json.as_bytes()).is_ok(), allow(json.as_bytes()).is_ok());
    }
}
