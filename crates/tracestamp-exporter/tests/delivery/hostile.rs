//! Backends that answer whatever they like: the exporter stays within its bounds and goes on with the next receiver.

use std::fmt::Write as _;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::bench::{Bench, grpc, to};
use crate::receiver::{Answer, Receiver};

/// An HTTP server of bytes: each connection gets the next answer, and past the list an empty 200.
async fn says(answers: Vec<Vec<u8>>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answers.next().unwrap_or_else(|| ok(b""));
            tokio::spawn(async move {
                let mut asked = vec![0; 65_536];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
                // Until the other side closes as well: a reset would take what was sent along.
                let _ = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut asked)).await;
            });
        }
    });
    address
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn partial(rejected_spans: i64, message: &str) -> Vec<u8> {
    let partial_success = ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
    ok(&ExportTraceServiceResponse { partial_success: Some(partial_success) }.encode_to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_taken_request_is_answered_with_it_is_not_sent_again_and_counts_no_more_spans_than_there_were() {
    for (answer, delivered) in [
        (partial(i64::MAX, "all is well\r\n\u{1b}[31m"), 0),
        (partial(i64::MIN, &"x".repeat(1 << 20)), 1),
        (ok(b"\xff\xff\xff no protobuf"), 1),
        (ok(&vec![b'x'; 6 << 20]), 1),
    ] {
        let bench = Bench::new();
        bench.record(&["a"]);
        bench.deliver(to(format!("http://{}", says(vec![answer]).await))).await;
        assert_eq!(bench.metric("tracestamp_spans_delivered_total"), delivered);
        assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="rejected"}"#), 1 - delivered);
        assert_eq!(bench.metric(r#"tracestamp_deliveries_total{result="retry"}"#), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_a_failure_that_may_pass() {
    let mut headers = "HTTP/1.1 200 OK\r\n".to_owned();
    for number in 0..10_000 {
        let _ = write!(headers, "x-{number}: {}\r\n", "y".repeat(100));
    }
    let answers: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\0\x01\x02\xff garbage\r\n\r\n".to_vec(),
        b"HTTP/9.9 200 OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 99999 \x1b[31m\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_vec(),
        headers.into_bytes(),
    ];
    let (bench, failures) = (Bench::new(), answers.len() as u64);
    bench.record(&["a"]);
    bench.deliver(to(format!("http://{}", says(answers).await))).await;
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
    assert_eq!(bench.metric(r#"tracestamp_deliveries_total{result="retry"}"#), failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_status_with_any_text_ends_as_its_code_says() {
    let text = format!("all is well\r\n\u{1b}[31m{}", "x".repeat(4000));
    let (bench, receiver) = (
        Bench::new(),
        Receiver::new([
            Answer::Grpc(Status::with_details(Code::Unavailable, text.clone(), vec![0xff; 2000].into())),
            Answer::Grpc(Status::new(Code::Internal, text)),
        ]),
    );
    bench.record(&["a"]);
    bench.deliver(grpc(receiver.serve_grpc().await)).await;
    assert_eq!(receiver.names(), ["a"; 2]);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="refused"}"#), 1);
    assert_eq!(bench.metric(r#"tracestamp_backend_errors_total{code="Internal"}"#), 1);
}
