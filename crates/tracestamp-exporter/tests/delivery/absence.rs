use std::time::Duration;

use tonic::{Code, Status};
use tracestamp_exporter::{Backoff, OtlpArgs};

use crate::bench::{Bench, grpc, to};
use crate::door::{self, Manner};
use crate::receiver::{Answer, Receiver};

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_for_an_hour_is_asked_now_and_then_and_gets_everything_in_the_end() {
    let (mut bench, receiver) = (Bench::new(), Receiver::default());
    bench.options.backoff = Backoff::default();
    bench.options.reload_interval = Duration::from_secs(10);
    // Its port, free again.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = bench.start(grpc(address));
    let mut names: Vec<_> = (0..60).map(|minute| format!("minute {minute}")).collect();
    for name in &names {
        bench.record(&[name]);
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    // From 15 s to 30 s each, once they have grown.
    let attempts = bench.metric(r#"tracestamp_deliveries_total{result="retry"}"#);
    assert!((120..=250).contains(&attempts), "{attempts} attempts in an hour");
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 0);
    assert_ne!(bench.metric("tracestamp_spool_bytes"), 0);

    tokio::time::resume();
    receiver.serve_grpc_at(&address.to_string(), None, usize::MAX).await;
    running.drain().await;
    let mut received = receiver.names();
    received.sort();
    names.sort();
    assert_eq!(received, names);
    assert_eq!(bench.metric("tracestamp_spool_bytes"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_grpc_code_is_retried_or_final_as_the_specification_says_and_the_rest_goes_on() {
    // OTLP specification, "Failures"; ResourceExhausted is retried only with RetryInfo.
    let retried = [1, 4, 10, 11, 14, 15];
    for code in 1..=16 {
        let refused = Status::new(Code::from_i32(code), "as told");
        let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Grpc(refused)]));
        bench.record(&["a"]);
        let running = bench.start(grpc(receiver.serve_grpc().await));
        bench.until(&format!(r#"tracestamp_backend_errors_total{{code="{:?}"}}"#, Code::from_i32(code)), 1).await;
        bench.record(&["b"]);
        running.drain().await;
        let retried = retried.contains(&code);
        let expected: &[&str] = if retried { &["a", "a", "b"] } else { &["a", "b"] };
        let mut names = receiver.names();
        names.sort();
        assert_eq!(names, expected, "code {code}");
        let dropped = bench.metric(r#"tracestamp_spans_dropped_total{reason="refused"}"#);
        assert_eq!(dropped, u64::from(!retried), "code {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_http_status_is_retried_or_final_as_the_specification_says_and_the_rest_goes_on() {
    let statuses = (300..=308).chain(400..=431).chain([451]).chain(500..=511).chain([599]);
    for status in statuses.filter(|&status| status != 413) {
        let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Http(status, &[])]));
        bench.record(&["a"]);
        let running = bench.start(to(format!("http://{}", receiver.serve_http().await)));
        bench.until(&format!(r#"tracestamp_backend_errors_total{{code="{status}"}}"#), 1).await;
        bench.record(&["b"]);
        running.drain().await;
        let retried = matches!(status, 429 | 502 | 503 | 504);
        let expected: &[&str] = if retried { &["a", "a", "b"] } else { &["a", "b"] };
        let mut names = receiver.names();
        names.sort();
        assert_eq!(names, expected, "status {status}");
        let dropped = bench.metric(r#"tracestamp_spans_dropped_total{reason="refused"}"#);
        assert_eq!(dropped, u64::from(!retried), "status {status}");
    }
}

/// Whatever a connection may do instead of answering.
const BAD: [Manner; 10] = [
    Manner::Shut,
    Manner::Reset,
    Manner::NoAnswer,
    Manner::HalfClosed,
    Manner::Silent,
    Manner::Dribble,
    Manner::Says(b""),
    Manner::Says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-le"),
    Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\nhalf"),
];

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_off_in_any_way_cost_no_span_over_http() {
    let receiver = Receiver::default();
    let address = door::open(BAD, receiver.serve_http().await).await.address;
    expect_all(&receiver, to(format!("http://{address}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_off_in_any_way_cost_no_span_over_grpc() {
    let receiver = Receiver::default();
    let address = door::open(BAD, receiver.serve_grpc().await).await.address;
    expect_all(&receiver, grpc(address)).await;
}

async fn expect_all(receiver: &Receiver, mut otlp: OtlpArgs) {
    let bench = Bench::new();
    otlp.timeout = Some("300".to_owned());
    bench.record(&["a", "b"]);
    bench.deliver(otlp).await;
    // On a slow machine a good connection may be too slow as well, and its request be sent again.
    let names = receiver.names();
    assert!(names.chunks(2).all(|request| request == ["a", "b"]) && !names.is_empty(), "{names:?}");
    // A connection that is closed before anything was sent may be tried again below us.
    let attempts = bench.metric(r#"tracestamp_deliveries_total{result="retry"}"#);
    assert!((5..=40).contains(&attempts), "{attempts} attempts");
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 2);
}
