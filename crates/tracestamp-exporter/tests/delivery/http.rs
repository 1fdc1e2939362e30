use tracestamp_exporter::OtlpArgs;

use crate::bench::{Bench, to};
use crate::receiver::{Answer, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_posted_below_the_endpoint_for_all_signals_and_at_the_one_for_traces() {
    let receiver = Receiver::default();
    let address = receiver.serve_http().await;
    for (endpoint, traces_endpoint, path) in [
        (Some(format!("http://{address}")), None, "/v1/traces"),
        (Some(format!("http://{address}/otlp/")), None, "/otlp/v1/traces"),
        (Some("http://127.0.0.1:1".to_owned()), Some(format!("http://{address}/custom")), "/custom"),
        (None, Some(format!("http://{address}")), "/"),
    ] {
        let bench = Bench::new();
        bench.record(&["a"]);
        bench.deliver(OtlpArgs { endpoint, traces_endpoint, ..OtlpArgs::default() }).await;
        assert_eq!(receiver.received().last().unwrap().path, path);
    }
    assert_eq!(receiver.names(), ["a"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_gzip_reach_the_receiver() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let mut otlp = to(format!("http://{}", receiver.serve_http().await));
    otlp.headers = Some("authorization=Bearer%20abc".to_owned());
    otlp.compression = Some("gzip".to_owned());
    bench.record(&["a"]);
    bench.deliver(otlp).await;
    let headers = &receiver.received()[0].headers;
    assert_eq!(headers["authorization"], "Bearer abc");
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("tracestamp-exporter/"));
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_retried_until_the_receiver_takes_the_request() {
    let (bench, receiver) = (
        Bench::new(),
        Receiver::new([
            Answer::Http(503, &[("retry-after", "0")]),
            Answer::Http(429, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]),
            Answer::Http(502, &[]),
            Answer::Http(504, &[]),
        ]),
    );
    bench.record(&["a"]);
    bench.deliver(to(format!("http://{}", receiver.serve_http().await))).await;
    assert_eq!(receiver.names(), ["a"; 5]);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
    assert_eq!(bench.metric(r#"tracestamp_backend_errors_total{code="503"}"#), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_counted_and_the_rest_goes_on() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Http(400, &[])]));
    bench.record(&["a"]);
    let running = bench.start(to(format!("http://{}", receiver.serve_http().await)));
    bench.until(r#"tracestamp_spans_dropped_total{reason="refused"}"#, 1).await;
    bench.record(&["b"]);
    running.drain().await;
    assert_eq!(receiver.names(), ["a", "b"]);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_receiver_finds_too_large_is_split() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Http(413, &[])]));
    bench.record(&["a", "b", "c", "d"]);
    bench.deliver(to(format!("http://{}", receiver.serve_http().await))).await;
    assert_eq!(receiver.names(), ["a", "b", "c", "d", "a", "b", "c", "d"]);
    assert_eq!(receiver.received().len(), 3);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_the_receiver_threw_away_are_counted_and_not_sent_again() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Partial(7)]));
    bench.record(&["a", "b"]);
    bench.deliver(to(format!("http://{}", receiver.serve_http().await))).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(bench.metric(r#"tracestamp_spans_dropped_total{reason="rejected"}"#), 2, "no more than there were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Http(308, &[("location", "/elsewhere")])]));
    bench.record(&["a"]);
    bench.deliver(to(format!("http://{}", receiver.serve_http().await))).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(bench.metric(r#"tracestamp_backend_errors_total{code="308"}"#), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_a_failure_that_may_pass() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Hang]));
    let mut otlp = to(format!("http://{}", receiver.serve_http().await));
    otlp.timeout = Some("200".to_owned());
    bench.record(&["a"]);
    bench.deliver(otlp).await;
    // On a slow machine more attempts than the first are too slow.
    assert!(receiver.received().len() >= 2);
    assert!(bench.metric(r#"tracestamp_backend_errors_total{code="timeout"}"#) >= 1);
    assert_eq!(bench.metric("tracestamp_spans_delivered_total"), 1);
}
