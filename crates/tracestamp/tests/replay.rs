//! `tracestamp replay`, as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn tracestamp(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tracestamp"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads no input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn objects(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn review(operation: &str, sub_resource: &str, object: Option<&Value>, old: Option<&Value>) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": operation, "subResource": sub_resource, "namespace": "ci", "dryRun": false,
        "kind": {"group": "tekton.dev", "version": "v1", "kind": "TaskRun"},
        "resource": {"group": "tekton.dev", "version": "v1", "resource": "taskruns"},
        "object": object, "oldObject": old}})
}

fn task_run(status: &Value) -> Value {
    json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "status": status,
        "metadata": {"name": "build-x", "namespace": "ci", "uid": "5f1d1c9e-0000-4000-8000-000000000001",
            "creationTimestamp": "2026-11-21T00:00:00Z"},
        "spec": {"taskRef": {"name": "build"}, "ofTheFuture": {"kept": [1, null, "é"]}}})
}

fn line(phase: &str, review: &Value) -> String {
    format!("{}\n", json!({"received_unix_nano": 1_795_221_523_000_000_000_u64, "phase": phase, "review": review}))
}

/// A TaskRun that is created, and ends twice: a repeated call.
fn recording() -> String {
    let created = task_run(&json!({"startTime": "2026-11-21T00:00:00Z"}));
    let succeeded = json!({"startTime": "2026-11-21T00:00:00Z", "completionTime": "2026-11-21T00:00:07Z",
        "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]});
    let ended = review("UPDATE", "status", Some(&task_run(&succeeded)), Some(&created));
    [
        line("mutating", &review("CREATE", "", Some(&created), None)),
        line("validating", &review("CREATE", "", Some(&created), None)),
        line("mutating", &ended),
        line("validating", &ended),
        line("validating", &ended),
        line("mutating", &review("DELETE", "", None, Some(&created))),
    ]
    .concat()
}

#[test]
fn each_ended_object_gives_one_line_of_otlp_json_and_a_repeat_none() {
    let output = tracestamp(&["replay", "-", "--out", "-"], &recording());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let requests: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [request] = requests.as_slice() else { panic!("{text}") };
    let span = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["attributes"][0], json!({"key": "tracestamp.span", "value": {"stringValue": "task_run"}}));
    assert_eq!(span["endTimeUnixNano"], "1795219207000000000");
    assert!(stderr_says(&output.stderr, "1 spans from 6 reviews"));
}

fn stderr_says(stderr: &[u8], what: &str) -> bool {
    String::from_utf8_lossy(stderr).contains(what)
}

#[test]
fn the_patched_object_keeps_fields_that_tracestamp_does_not_know() {
    let room = tempfile::tempdir().unwrap();
    let (spans, patched) = (room.path().join("spans"), room.path().join("patched"));
    let output = tracestamp(
        &["replay", "-", "--out", spans.to_str().unwrap(), "--patched", patched.to_str().unwrap()],
        &recording(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let objects = objects(&patched);
    assert_eq!(objects.len(), 2, "of the CREATE and the UPDATE, for the DELETE holds no object");
    let mut stamped = objects[0].clone();
    let annotations = stamped["metadata"].as_object_mut().unwrap().remove("annotations").unwrap();
    assert!(annotations["tracestamp.dev/traceparent"].as_str().unwrap().starts_with("00-"));
    assert_eq!(stamped, task_run(&json!({"startTime": "2026-11-21T00:00:00Z"})));
    assert_eq!(objects[1]["status"]["completionTime"], "2026-11-21T00:00:07Z", "nothing to patch");
}

#[test]
fn the_same_recording_gives_the_same_output() {
    let run = || {
        let room = tempfile::tempdir().unwrap();
        let patched = room.path().join("patched");
        let output = tracestamp(&["replay", "-", "--out", "-", "--patched", patched.to_str().unwrap()], &recording());
        (output.stdout, std::fs::read(patched).unwrap())
    };
    assert_eq!(run(), run());
}

#[test]
fn broken_lines_are_reported_with_their_numbers_and_the_rest_is_replayed() {
    let not_a_review = json!({"apiVersion": "v1", "kind": "Pod"});
    let input = format!("{{\"phase\":\n{}{}", line("validating", &not_a_review), recording());
    let output = tracestamp(&["replay", "-", "--out", "-"], &input);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains("tracestamp: -:1: not a line of a recording: "), "{told}");
    assert!(told.contains("tracestamp: -:2: the body is no AdmissionReview"), "{told}");
    assert!(told.contains("1 spans from 6 reviews, 2 broken lines left out"), "{told}");
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 2, "one line and its end");
}

#[test]
fn wrong_arguments_end_with_2_and_name_what_is_wrong() {
    for (arguments, named) in [
        (&["replay", "fail"][..], "--out"),
        (&["replay", "no-such-file.jsonl", "--out", "-"], "no-such-file.jsonl: No such file"),
        (&["replay", "fail", "--out", "/no/such/directory/spans"], "/no/such/directory/spans: No such file"),
        (&["replay", "fail", "--out", "-", "--patched", "-"], "name the same file"),
        (&["replay", "fail", "--out", "-", "--sampling-ratio", "2"], "no number from 0 to 1"),
        (&["replay", "fail", "--out", "-", "--carrier", "key=xml"], "none of w3c, json, b3, binary"),
        (&["record"], "record"),
    ] {
        let output = tracestamp(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(named), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn the_settings_reach_the_decision() {
    let output = tracestamp(&["replay", "-", "--out", "-", "--service-name", "builds"], &recording());
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(r#"{"key":"service.name","value":{"stringValue":"builds"}}"#)
    );
    let output = tracestamp(&["replay", "-", "--out", "-", "--sampling-ratio", "0"], &recording());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", stderr(&output));
}

#[test]
fn nothing_of_a_hostile_recording_moves_the_cursor() {
    const ESCAPES: &str = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{7f}\u{85}";
    let object = json!({"metadata": {"name": ESCAPES, "namespace": "ci"}, "spec": {}});
    let broken = format!("{{\"t\":\"{ESCAPES}\"}}\n{ESCAPES}\n{{\"phase\":\"{}\"}}\n", "y".repeat(1 << 20));
    // White space between values that is no space.
    let review = review("CREATE", "", Some(&object), None).to_string().replacen('{', "{\r\t", 1);
    let good = format!("{{\"t\":1,\"path\":\"/stamp\",\"review\":{review}}}\n");
    let observed = line("validating", &completed_with(ESCAPES));
    for out in [&["replay", "-", "--out", "-"][..], &["replay", "-", "--out", "/dev/null", "--patched", "-"]] {
        let output = tracestamp(out, &format!("{broken}{good}{observed}"));
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(text.clone()).unwrap();
            let moves = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(moves) && text.len() < 20_000, "{text:?}");
        }
        assert!(stderr(&output).lines().all(|line| line.starts_with("tracestamp: ")), "{}", stderr(&output));
        for json in String::from_utf8(output.stdout).unwrap().lines() {
            let value: Value = serde_json::from_str(json).unwrap();
            assert!(value.to_string().contains(ESCAPES.trim_matches(['\u{1b}', '\u{7}', '\u{85}']).get(..8).unwrap()));
        }
    }
}

fn completed_with(name: &str) -> Value {
    let run = |status: Value| {
        let mut run = task_run(&status);
        run["metadata"]["name"] = name.into();
        run
    };
    let done = json!({"startTime": "2026-11-21T00:00:01Z", "completionTime": "2026-11-21T00:00:05Z",
        "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]});
    review("UPDATE", "status", Some(&run(done)), Some(&run(json!({}))))
}
