//! Two replicas behind one Service, each with a spool and an exporter of its own.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Jaeger, Namespace, Reviews, Scenario, SeenSpan, Service, Tracestamp, poll, shared};

use crate::outlines::{MATRIX, SUCCESS};

#[tokio::test(flavor = "multi_thread")]
async fn what_both_send_is_the_whole_trace_and_each_span_once() {
    let Some(shared) = shared() else { return };
    let mut service = Service::start(&shared).unwrap();
    let namespace = service.namespace("replicas").unwrap();
    let reviews = service.replicas[0].reviews().unwrap();

    let runs = block_in_place(|| {
        // The API server keeps its connections, and each leads to the replica that was drawn when it was made: left to
        // itself it may never ask the other. So the replicas are replaced one after the other, as an upgrade does it.
        service.route([true, false]).unwrap();
        thread::scope(|threads| {
            let played = threads.spawn(|| play(&namespace));
            await_task_runs(&namespace, 2);
            expect_reviews(&service.replicas[0]);
            service.route([false, true]).unwrap();
            service.replicas[0].take_webhook().unwrap().terminate().unwrap();
            // Both runs may be past their last creation by now.
            Scenario::load("taskrun").unwrap().play(&namespace).unwrap();
            expect_reviews(&service.replicas[1]);
            service.replicas[0].start_webhook().unwrap();
            service.route([true, true]).unwrap();
            played.join().unwrap()
        })
    });

    let jaeger = Jaeger::new(&shared).unwrap();
    let mut traces = Vec::new();
    for (run, expected) in runs.into_iter().zip([SUCCESS, MATRIX]) {
        let traceparent = run["metadata"]["annotations"]["tracestamp.dev/traceparent"].as_str().unwrap();
        let trace_id = traceparent.split('-').nth(1).unwrap().to_owned();
        jaeger.expect(&trace_id, expected).await.unwrap();
        traces.push(trace_id);
    }
    let told = |replica: &Tracestamp| !replica.tee.seen(&traces[0]).is_empty();
    assert!(service.replicas.iter().all(told), "one replica told all of it");
    block_in_place(|| service.replicas.each_mut().map(|replica| replica.finish().unwrap()));
    for trace_id in &traces {
        expect_each_once(&service, trace_id, &reviews);
    }
}

/// Two runs side by side.
fn play(namespace: &Namespace) -> [Value; 2] {
    let play = |scenario: &str| Scenario::load(scenario).unwrap().play(namespace).unwrap().remove(0);
    thread::scope(|threads| {
        let matrix = threads.spawn(|| play("matrix"));
        [play("success"), matrix.join().unwrap()]
    })
}

/// Until so many task runs have ended.
fn await_task_runs(namespace: &Namespace, number: usize) {
    poll("the first task runs' end", Duration::from_mins(2), || {
        let ended = namespace.kubectl.run(&["get", "taskruns", "-o", "jsonpath={.items[*].status.completionTime}"])?;
        Ok((ended.split_whitespace().count() >= number).then_some(()))
    })
    .unwrap();
}

/// By its own account it has been asked by both registrations.
fn expect_reviews(replica: &Tracestamp) {
    let metrics = replica.metrics().unwrap();
    for labels in [[r#"webhook="stamp""#, r#"outcome="stamped""#], [r#"webhook="observe""#, r#"outcome="recorded""#]] {
        assert!(metrics.sum("tracestamp_reviews_total", &labels) > 0, "no such review: {labels:?}");
    }
}

/// Not one id with two contents, and one sent twice only of an object whose change the API server showed twice.
fn expect_each_once(service: &Service, trace_id: &str, reviews: &Reviews) {
    let mut by_id: BTreeMap<String, Vec<SeenSpan>> = BTreeMap::new();
    for sent in service.replicas.iter().flat_map(|replica| replica.tee.seen(trace_id)) {
        by_id.entry(sent.id()).or_default().push(sent);
    }
    for (id, sent) in by_id {
        let received = sent.iter().any(|sent| sent.tag("tracestamp.end") == "received");
        assert!(received || sent.iter().all(|other| other == &sent[0]), "{id} has two contents: {sent:?}");
        let shown = times_shown(reviews, &sent[0]);
        assert!(sent.len() == 1 || sent.len() <= shown, "{id} {} times, its change {shown} times", sent.len());
    }
}

/// How often the API server showed one and the same change of the object that the span is about: the most often shown
/// new status, or its deletion.
fn times_shown(reviews: &Reviews, sent: &SeenSpan) -> usize {
    let keys = ["k8s.pod.name", "taskrun", "pipelinerun"];
    let name = keys.iter().map(|key| sent.tag(key)).find(|name| !name.is_empty()).unwrap();
    let kind = match keys.iter().find(|key| !sent.tag(key).is_empty()) {
        Some(&"k8s.pod.name") => "Pod",
        Some(&"taskrun") => "TaskRun",
        _ => "PipelineRun",
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in reviews.requests() {
        let (new, old) = (&request["object"]["status"], &request["oldObject"]["status"]);
        if request["kind"]["kind"] == kind && request["name"] == name && new != old {
            *counts.entry(new.to_string()).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or_default()
}
