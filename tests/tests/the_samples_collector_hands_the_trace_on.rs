//! The exporter, a real OpenTelemetry Collector as the samples configure it, and Jaeger. The Collector is away while the
//! run ends.

use std::time::Duration;

use tokio::task::block_in_place;
use tracestamp_tests::{Collector, Jaeger, Scenario, Tracestamp, poll, shared};

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_reaches_jaeger_through_a_collector_that_was_away_when_it_ended() {
    let Some(shared) = shared() else { return };
    let mut collector = block_in_place(|| Collector::start(&shared)).unwrap();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let tracestamp = Tracestamp::with_settings(&shared, &settings).unwrap();
    let namespace = tracestamp.namespace("collector").unwrap();
    let play = || Scenario::load("taskrun").unwrap().play(&namespace).unwrap();
    let trace_of = |run: &serde_json::Value| {
        let name = run["metadata"]["name"].as_str().unwrap();
        tracestamp.trace_id(&namespace, "taskrun", name).unwrap()
    };

    let first = block_in_place(|| trace_of(&play()[0]));
    Jaeger::new(&shared).unwrap().expect(&first, TASK_RUN).await.unwrap();

    let second = block_in_place(|| {
        collector.kill();
        let second = trace_of(&play()[0]);
        poll("a failed delivery", Duration::from_mins(1), || {
            let metrics = tracestamp.exporter_metrics()?;
            Ok((metrics.sum("tracestamp_deliveries_total", &["result=\"retry\""]) > 0).then_some(()))
        })
        .unwrap();
        collector.restart().unwrap();
        second
    });
    Jaeger::new(&shared).unwrap().expect(&second, TASK_RUN).await.unwrap();
    assert_eq!(tracestamp.exporter_metrics().unwrap().sum("tracestamp_spans_dropped_total", &[]), 0);
}
