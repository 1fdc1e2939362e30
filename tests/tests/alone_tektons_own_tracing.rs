//! Tekton's own tracing, switched on and off again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tracestamp_tests::{Jaeger, JaegerTrace, Node, Setting, Shared, expect_trace, rerun, shared};

use crate::outlines::SUCCESS;

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_tektons_reconcilers_lie_under_the_run_and_task_run_that_they_reconcile() {
    let Some(shared) = shared() else { return };
    let on = block_in_place(|| switch_on(&shared));
    let played = expect_trace("success", SUCCESS).await.unwrap();
    let jaeger = Jaeger::new(&shared).unwrap();
    let trace = with_tektons(&jaeger, &played.trace_id).await;

    let run = trace.of("pipeline_run").next().unwrap();
    for span in trace.spans.iter().filter(|span| span.is_tektons()) {
        assert!(trace.descends(span, run), "{} {} hangs elsewhere", span.service, span.name);
        let below = trace.of("task_run").find(|task_run| trace.descends(span, task_run));
        match span.service.as_str() {
            "pipelinerun-reconciler" => assert_eq!(below.map(|span| &span.name), None, "{}", span.name),
            _ if span.tag("taskrun").is_empty() => assert!(below.is_some(), "{}", span.name),
            _ => assert_eq!(below.unwrap().tag("taskrun"), span.tag("taskrun"), "{}", span.name),
        }
    }
    for task_run in trace.of("task_run") {
        let reconciled = trace.spans.iter().any(|span| span.is_tektons() && trace.descends(span, task_run));
        assert!(reconciled, "{}: none of its reconciler", task_run.name);
        // The span of Tekton's that created it is not its parent, for it is over at once.
        let creator = trace.spans.iter().find(|span| task_run.links.iter().any(|(_, id)| *id == span.id));
        assert_eq!(creator.unwrap().name, "createTaskRun");
    }
    for service in ["pipelinerun-reconciler", "taskrun-reconciler"] {
        let all = jaeger.trace_ids(service, "namespace", &played.namespace.name).await.unwrap();
        assert_eq!(all, std::slice::from_ref(&played.trace_id), "{service} traces elsewhere too");
    }

    block_in_place(|| drop(on));
    let played = expect_trace("success", SUCCESS).await.unwrap();
    assert!(!played.trace.spans.iter().any(Node::is_tektons), "still on");
}

#[tokio::test(flavor = "multi_thread")]
async fn tektons_spans_of_a_rerun_lie_in_its_trace_and_none_in_that_of_the_run_it_was_copied_from() {
    let Some(shared) = shared() else { return };
    let _on = block_in_place(|| switch_on(&shared));
    let played = expect_trace("success", SUCCESS).await.unwrap();
    let name = |run: &Value| run["metadata"]["name"].as_str().unwrap().to_owned();
    let first = name(&played.runs[0]);

    let rerun = block_in_place(|| rerun(&played.namespace.kubectl, "pipelinerun", &first)).unwrap();

    let traceparent = rerun["metadata"]["annotations"]["tracestamp.dev/traceparent"].as_str().unwrap();
    let id = traceparent.split('-').nth(1).unwrap();
    let jaeger = Jaeger::new(&shared).unwrap();
    jaeger.expect(id, SUCCESS).await.unwrap();
    let reconciled = |trace: &JaegerTrace| {
        let tags = trace.spans.iter().filter(|span| span.is_tektons()).map(|span| span.tag("pipelinerun").to_owned());
        tags.filter(|name| !name.is_empty()).collect::<BTreeSet<_>>()
    };
    assert_eq!(reconciled(&with_tektons(&jaeger, id).await), BTreeSet::from([name(&rerun)]));
    assert_eq!(reconciled(&with_tektons(&jaeger, &played.trace_id).await), BTreeSet::from([first]));
}

/// Until the value is dropped.
fn switch_on(shared: &Shared) -> Setting {
    let endpoint = format!("{}/v1/traces", shared.otlp_http);
    Setting::change(shared, "config-tracing", &[("enabled", "true"), ("endpoint", &endpoint)]).unwrap()
}

/// The trace when both reconcilers have sent the spans of the end, some seconds after it.
async fn with_tektons(jaeger: &Jaeger, id: &str) -> JaegerTrace {
    for _ in 0..30 {
        let trace = jaeger.trace(id).await.unwrap().unwrap();
        let ended = trace.spans.iter().filter(|span| span.name == "durationAndCountMetrics");
        let services: Vec<_> = ended.map(|span| span.service.as_str()).collect();
        if ["pipelinerun-reconciler", "taskrun-reconciler"].iter().all(|service| services.contains(service)) {
            return trace;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("no span of Tekton's own in {id}");
}
