use super::*;

const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","name":"build-pod","uid":"e74eaaa4-dd3d-4461-86ec-ad78a3b160fe","fieldPath":"spec.containers{step-s}"}"#;

fn read_json(json: &serde_json::Value) -> Reading {
    read_in("ci", json)
}

fn read_in(namespace: &str, json: &serde_json::Value) -> Reading {
    let json = json.to_string();
    let object = serde_json::from_str(&json).unwrap();
    Topic::of(&object).map_or(Reading::Other, |topic| read(topic, &object, namespace))
}

fn event(reason: &str, message: &str) -> serde_json::Value {
    let (second, named) = second_and_name();
    serde_json::json!({
        "metadata": {"name": named}, "involvedObject": serde_json::from_str::<serde_json::Value>(POD).unwrap(),
        "reason": reason, "message": message, "firstTimestamp": second, "eventTime": null,
    })
}

/// A second, and the name of an Event 0.25 s into it.
fn second_and_name() -> (String, String) {
    let second = Timestamp::parse("2026-11-21T00:39:40Z").unwrap();
    (second.to_string(), format!("build-pod.{:x}", second.nanos() + 250_000_000))
}

fn told(reading: Reading) -> PodEvent {
    match reading {
        Reading::Tells(event) => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_of_a_core_event_is_at_the_nanosecond_of_its_name() {
    let event = told(read_json(&event("Killing", "Stopping container step-s")));
    assert_eq!(event.at.to_string(), "2026-11-21T00:39:40.25Z");
    assert_eq!((event.pod_name.as_str(), event.container.as_deref()), ("build-pod", Some("step-s")));
    assert_eq!((event.reason, event.tells, event.namespace.as_str()), ("Killing", Tells::Happened, "ci"));
}

#[test]
fn a_name_that_does_not_fit_the_time_told_is_not_believed() {
    let mut other = event("Killing", "");
    other["firstTimestamp"] = "2026-11-21T00:39:41Z".into();
    assert_eq!(read_json(&other), Reading::Unreadable);
    other["firstTimestamp"] = serde_json::Value::Null;
    assert_eq!(read_json(&other), Reading::Unreadable);
    other["eventTime"] = "2026-11-21T00:39:40.251000Z".into();
    assert_eq!(told(read_json(&other)).at.to_string(), "2026-11-21T00:39:40.25Z");
    other["eventTime"] = "2026-11-21T00:40:40.251000Z".into();
    assert_eq!(told(read_json(&other)).at.to_string(), "2026-11-21T00:40:40.251Z");
    other["metadata"]["name"] = "5f1d1c9e-0000-4000-8000-000000000000".into();
    assert_eq!(told(read_json(&other)).at.to_string(), "2026-11-21T00:40:40.251Z");
}

#[test]
fn an_event_of_the_newer_api_is_read_as_well() {
    let (_, name) = second_and_name();
    let event = serde_json::json!({
        "metadata": {"name": name}, "regarding": serde_json::from_str::<serde_json::Value>(POD).unwrap(),
        "reason": "FailedScheduling", "note": "0/1 nodes are available", "eventTime": "2026-11-21T00:39:40.250100Z",
    });
    let event = told(read_json(&event));
    assert_eq!((event.reason, event.tells), ("FailedScheduling", Tells::Happened));
    assert_eq!(event.at.to_string(), "2026-11-21T00:39:40.25Z");
}

#[test]
fn what_tells_nothing_of_a_pod_is_told_from_what_does() {
    for (reason, message, expected) in [
        ("Pulled", "Container image \"a\" already present on machine", Reading::ImagePresent),
        ("Pulled", "Something was pulled", Reading::Other),
        ("Failed", "Error: ErrImagePull", Reading::SameFailure),
        ("Failed", "Error: ImagePullBackOff", Reading::SameFailure),
        ("Scheduled", "Successfully assigned", Reading::Other),
        ("Started", "Container started", Reading::Other),
    ] {
        assert_eq!(read_json(&event(reason, message)), expected, "{reason}: {message}");
    }
    let mut of_node = event("Killing", "");
    of_node["involvedObject"]["kind"] = "Node".into();
    assert_eq!(read_json(&of_node), Reading::Other);
    let mut of_another_pod = event("Killing", "");
    of_another_pod["involvedObject"]["apiVersion"] = "example.dev/v1".into();
    assert_eq!(read_json(&of_another_pod), Reading::Other);
}

#[test]
fn every_reason_is_read_that_the_registration_asks_for_and_no_other() {
    let registration = include_str!("../../../../manifests/components/events/webhook.yaml");
    let asked = registration.lines().find(|line| line.contains("'Pulled'")).unwrap();
    let mut asked: Vec<_> =
        asked.trim().trim_matches(['[', ']']).split(", ").map(|quoted| quoted.trim_matches('\'')).collect();
    asked.sort_unstable();
    assert_eq!(asked, REASONS);
    for reason in REASONS.into_iter().filter(|reason| *reason != PULLED) {
        let event = told(read_json(&event(reason, "in words of its own")));
        assert_eq!((event.reason, event.tells), (reason, Tells::Happened));
    }
}

#[test]
fn a_container_that_could_not_be_created_is_no_pull() {
    let event = told(read_json(&event("Failed", "Error: secret \"token\" not found")));
    assert_eq!((event.reason, event.tells), ("Failed", Tells::Happened));
}

#[test]
fn what_anybody_may_write_is_bounded() {
    let image = "i".repeat(100_000);
    let pulled = told(read_json(&event("Pulled", &format!("Successfully pulled image \"{image}\" in 1s"))));
    assert!(matches!(pulled.tells, Tells::Pulled { image, .. } if image.len() == IMAGE_LIMIT));
    for field in ["uid", "name"] {
        for wrong in [serde_json::Value::Null, "".into(), image.as_str().into()] {
            let mut event = event("Killing", "");
            event["involvedObject"][field] = wrong;
            assert_eq!(read_json(&event), Reading::Unreadable, "{field}");
        }
    }
    let mut long = event("Killing", "");
    long["involvedObject"]["fieldPath"] = format!("spec.containers{{{image}}}").into();
    assert_eq!(told(read_json(&long)).container, None);
}

#[test]
fn an_event_whose_pod_could_not_be_at_the_path_that_it_names_is_unreadable() {
    let long = "a".repeat(254);
    for part in
        ["", ".", "..", "../secrets/token", "a/b", "a?b", "a#b", "%2e%2e", "a%2fb", "a..b", "a.", "-a", "A", "ü", &long]
    {
        let killing = event("Killing", "");
        assert_eq!(read_in(part, &killing), Reading::Unreadable, "namespace {part:?}");
        let mut of_pod = killing;
        of_pod["involvedObject"]["name"] = part.into();
        assert_eq!(read_json(&of_pod), Reading::Unreadable, "name {part:?}");
    }
    // A Pod's name may have dots, a namespace may not.
    let mut dotted = event("Killing", "");
    dotted["involvedObject"]["name"] = "build.1.pod".into();
    assert_eq!(told(read_json(&dotted)).pod_name, "build.1.pod");
    assert_eq!(read_in("a.b", &dotted), Reading::Unreadable);
}
