//! The exporter and a real Jaeger that is killed and comes back: what ended meanwhile is there later.

use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Jaeger, JaegerServer, Namespace, Scenario, Tracestamp, poll, shared};

use crate::outlines::TASK_RUN;

/// Plays a run and gives its trace id.
fn play(tracestamp: &Tracestamp, namespace: &Namespace) -> String {
    let runs = Scenario::load("taskrun").unwrap().play(namespace).unwrap();
    let name = runs.first().and_then(|run: &Value| run["metadata"]["name"].as_str()).unwrap();
    tracestamp.trace_id(namespace, "taskrun", name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jaeger_that_is_killed_gets_what_ended_meanwhile_once_it_is_back() {
    let Some(shared) = shared() else { return };
    let mut server = block_in_place(|| JaegerServer::start(&shared)).unwrap();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*server.endpoint()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let tracestamp = Tracestamp::with_settings(&shared, &settings).unwrap();
    let namespace = tracestamp.namespace("away").unwrap();
    let jaeger = Jaeger::at(&server.query_url()).unwrap();

    let before = block_in_place(|| play(&tracestamp, &namespace));
    jaeger.expect(&before, TASK_RUN).await.unwrap();

    let meanwhile = block_in_place(|| {
        server.kill();
        let trace = play(&tracestamp, &namespace);
        poll("a failed delivery", Duration::from_mins(1), || {
            let retries = tracestamp.exporter_metrics()?.sum("tracestamp_deliveries_total", &["result=\"retry\""]);
            Ok((retries > 0).then_some(()))
        })
        .unwrap();
        server.restart().unwrap();
        trace
    });
    jaeger.expect(&meanwhile, TASK_RUN).await.unwrap();
    assert_eq!(tracestamp.exporter_metrics().unwrap().sum("tracestamp_spans_dropped_total", &[]), 0);
}
