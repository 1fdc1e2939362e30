//! The webhook goes away in the middle of a run, and comes back never: `tracestamp backfill` tells the rest.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tokio::task::block_in_place;
use tracestamp_tests::{OtlpTee, Scenario, SeenSpan, Tracestamp, poll, program, shared};

#[tokio::test(flavor = "multi_thread")]
async fn no_parent_is_missing_and_what_was_sent_before_is_sent_alike() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let (trace_id, log, backfilled) = block_in_place(|| {
        let namespace = tracestamp.namespace("backfill").unwrap();
        let kubectl = &namespace.kubectl;
        let run = thread::scope(|threads| {
            let played = threads.spawn(|| Scenario::load("success").unwrap().play(&namespace).unwrap().remove(0));
            poll("the first task run's end", Duration::from_mins(2), || {
                let ended = kubectl.run(&["get", "taskruns", "-o", "jsonpath={.items[*].status.completionTime}"])?;
                Ok((!ended.is_empty()).then_some(()))
            })
            .unwrap();
            tracestamp.take_webhook().unwrap().kill();
            played.join().unwrap()
        });
        poll("the Pods' end", Duration::from_mins(1), || {
            let phases = kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"])?;
            Ok(phases.split(' ').all(|phase| phase == "Succeeded").then_some(()))
        })
        .unwrap();
        // A Pod that is gone cannot be told, and is named.
        kubectl.run(&["delete", "pod", "--selector=tekton.dev/pipelineTask=report"]).unwrap();
        tracestamp.take_exporter().unwrap().terminate().unwrap();
        let tee = OtlpTee::start(None).unwrap();
        let output = Command::new(program("tracestamp"))
            .args(["backfill", "--kubeconfig"])
            .arg(shared.kubectl.kubeconfig())
            .args(["--namespace", &namespace.name])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", tee.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        let traceparent = run["metadata"]["annotations"]["tracestamp.dev/traceparent"].as_str().unwrap();
        let trace_id = traceparent.split('-').nth(1).unwrap().to_owned();
        let backfilled = tee.seen(&trace_id);
        (trace_id, log, backfilled)
    });

    let before = by_id(tracestamp.tee.seen(&trace_id));
    assert!(!before.values().any(|sent| sent.span.name.starts_with("RUN ")), "the run had ended before: {before:#?}");
    let mut all = by_id(backfilled);
    for (id, sent) in before {
        if let Some(again) = all.insert(id, sent.clone()) {
            assert_eq!(again, sent);
        }
    }
    let of = |what: &str| all.values().filter(|sent| sent.tag("tracestamp.span") == what).count();
    let counts = ["pipeline_run", "task_run", "pod", "init_container", "step", "finally"].map(of);
    assert_eq!(counts, [1, 3, 2, 4, 4, 1], "{all:#?}");
    for sent in all.values() {
        let parent = const_hex::encode(&sent.span.parent_span_id);
        assert!(parent.is_empty() || all.contains_key(&parent), "no parent: {sent:#?}");
    }
    assert!(log.contains("gone, so not told: Pod ") && log.contains("-report-pod"), "{log}");
}

fn by_id(spans: Vec<SeenSpan>) -> BTreeMap<String, SeenSpan> {
    spans.into_iter().map(|sent| (sent.id(), sent)).collect()
}
