use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tracestamp_core::span::{Attribute, VERSION, encode};

use crate::bench::{Bench, grpc, record, to, until};
use crate::receiver::{Answer, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_arrives_once() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    bench.record(&["a", "b"]);
    bench.record(&["c"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    let mut names = receiver.names();
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 3);
    assert_eq!(bench.metric("tracestamp_spool_bytes"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_retried_until_the_receiver_takes_the_request() {
    let exhausted = Status::with_error_details(
        Code::ResourceExhausted,
        "slow down",
        ErrorDetails::with_retry_info(Some(Duration::ZERO)),
    );
    let (bench, receiver) =
        (Bench::new(), Receiver::new([Answer::Grpc(Status::unavailable("")), Answer::Grpc(exhausted)]));
    bench.record(&["a"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_eq!(receiver.names(), ["a", "a", "a"]);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
    assert_eq!(bench.metric(r#"tracestamp_deliveries_total{result="retry"}"#), 2);
    assert_eq!(bench.metric(r#"tracestamp_backend_errors_total{code="Unavailable"}"#), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_yet_is_waited_for() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    // Its port, free again.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bench.record(&["a"]);
    let running = bench.start(grpc(address));
    bench.until(r#"tracestamp_deliveries_total{result="retry"}"#, 2).await;
    receiver.serve_grpc_at(&address.to_string(), None, usize::MAX).await;
    running.drain().await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_counted_and_the_rest_goes_on() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Grpc(Status::invalid_argument("no"))]));
    bench.record(&["a", "b"]);
    let running = bench.start(grpc(receiver.serve_grpc().await));
    bench.until(r#"tracestamp_spans_dropped_total{reason="refused"}"#, 2).await;
    bench.record(&["c"]);
    running.drain().await;
    assert_eq!(receiver.names(), ["a", "b", "c"]);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_the_receiver_threw_away_are_counted_and_not_sent_again() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Partial(2)]));
    bench.record(&["a", "b", "c"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="rejected"}"#), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_receiver_finds_too_large_is_split_and_a_span_too_large_alone_is_dropped() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let names: Vec<_> = (0..40).map(|n| format!("{n:01000}")).collect();
    bench.record(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.record(&[&"x".repeat(9000)]);
    let address = receiver.serve_grpc_at("127.0.0.1:0", None, 8192).await;
    bench.deliver(grpc(address)).await;
    let mut received = receiver.names();
    received.sort();
    assert_eq!(received, names);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="too_large"}"#), 1);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_larger_than_it_may_be() {
    use prost::Message;
    let (mut bench, receiver) = (Bench::new(), Receiver::default());
    bench.options.max_request_bytes = 5000;
    let names: Vec<_> = (0..40).map(|n| format!("{n:01000}")).collect();
    bench.record(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_eq!(receiver.names(), names);
    assert!(receiver.received().iter().all(|received| received.message.encoded_len() <= 5000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_recorded_twice_is_sent_once_and_the_first_wins() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let mut again = record("a");
    again.name = "later".into();
    bench.append(&[encode(&record("a"), Vec::new()).unwrap(), encode(&again, Vec::new()).unwrap()]);
    let running = bench.start(grpc(receiver.serve_grpc().await));
    bench.until("tracestamp_spans_delivered_total", 1).await;
    bench.append(&[encode(&again, Vec::new()).unwrap()]);
    running.drain().await;
    assert_eq!(receiver.names(), ["a"]);
    assert_eq!(bench.metric("tracestamp_spans_duplicate_total"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_counted_and_left_out() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    bench.append(&[vec![], vec![1, 99, 2], vec![VERSION, 1, 2], encode(&record("a"), Vec::new()).unwrap()]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_eq!(receiver.names(), ["a"]);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="undecodable"}"#), 3);
    assert_eq!(bench.metric(r#"tracestamp_spool_damage_total{reason="quarantined"}"#), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_gzip_reach_the_receiver() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let mut otlp = grpc(receiver.serve_grpc().await);
    otlp.headers = Some("authorization=Bearer%20abc,x-tenant=blue".to_owned());
    otlp.compression = Some("gzip".to_owned());
    bench.record(&["a"]);
    bench.deliver(otlp).await;
    let headers = &receiver.received()[0].headers;
    assert_eq!(
        (&headers["authorization"], &headers["x-tenant"]),
        (&"Bearer abc".parse().unwrap(), &"blue".parse().unwrap())
    );
    assert_eq!(headers["grpc-encoding"], "gzip");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_one_run_share_a_resource() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let payloads: Vec<_> = [("a", "run-1"), ("b", "run-2"), ("c", "run-1")]
        .map(|(name, run)| {
            let mut record = record(name);
            record.resource.push(Attribute::new("cicd.pipeline.run.id", run));
            encode(&record, Vec::new()).unwrap()
        })
        .into();
    bench.append(&payloads);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    let resources = &receiver.received()[0].message.resource_spans;
    let names: Vec<Vec<_>> =
        resources.iter().map(|r| r.scope_spans[0].spans.iter().map(|s| s.name.as_str()).collect()).collect();
    assert_eq!(names, [vec!["a", "c"], vec!["b"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_waits_for_writers_that_live_longer_than_the_signal() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let limits = tracestamp_spool::Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
    let mut writer = tracestamp_spool::Writer::open(bench.dir.path(), limits).unwrap();
    writer.append(&[encode(&record("before"), Vec::new()).unwrap()]).unwrap();
    let running = bench.start(grpc(receiver.serve_grpc().await));
    running.shutdown.cancel();
    bench.until("tracestamp_spans_delivered_total", 1).await;
    writer.append(&[encode(&record("after"), Vec::new()).unwrap()]).unwrap();
    drop(writer);
    running.task.await.unwrap();
    assert_eq!(receiver.names(), ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_does_not_wait_for_ever_for_a_receiver() {
    let (mut bench, receiver) = (Bench::new(), Receiver::new([Answer::Hang]));
    bench.options.drain = Duration::from_millis(10);
    bench.record(&["a"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_ne!(bench.metric("tracestamp_spool_bytes"), 0, "it is still there for the next exporter");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_traced_when_that_is_asked_for() {
    let (mut bench, receiver) = (Bench::new(), Receiver::new([Answer::Grpc(Status::unavailable(""))]));
    bench.options.own_traces = true;
    bench.record(&["a"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    until(|| receiver.names().iter().filter(|name| *name == "deliver").count() == 2).await;
    let own = receiver.received().pop().unwrap().message.resource_spans.pop().unwrap();
    assert!(format!("{:?}", own.resource).contains("tracestamp-exporter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn own_traces_over_http_are_refused_by_name() {
    let mut bench = Bench::new();
    bench.options.own_traces = true;
    let refused = bench.exporter(to("http://localhost:4318"));
    assert!(refused.unwrap_err().to_string().contains("--own-traces"));
}
