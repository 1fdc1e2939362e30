use std::fs;
use std::path::Path;

use tracestamp_exporter::OtlpArgs;

use crate::bench::{Bench, until};
use crate::receiver::Receiver;

/// Replaces a file as the kubelet does: nobody sees half of it.
fn replace(path: &Path, content: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, content).unwrap();
    fs::rename(temporary, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_read_and_the_exporter_leaves_at_once() {
    let bench = Bench::new();
    bench.record(&["a"]);
    bench.deliver(OtlpArgs::default()).await;
    assert_ne!(bench.metric("tracestamp_spool_bytes"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_file_may_come_and_change_while_the_exporter_runs() {
    let (bench, first, second) = (Bench::new(), Receiver::default(), Receiver::default());
    let file = bench.dir.path().join("endpoint");
    bench.record(&["a"]);
    let running = bench.start(OtlpArgs { endpoint_file: Some(file.clone()), ..OtlpArgs::default() });
    replace(&file, &format!("http://{}\n", first.serve_http().await));
    bench.until("tracestamp_spans_delivered_total", 1).await;
    // A change that cannot be used leaves the last one in use.
    replace(&file, "nonsense://");
    bench.until("tracestamp_settings_errors_total", 1).await;
    bench.record(&["b"]);
    bench.until("tracestamp_spans_delivered_total", 2).await;
    replace(&file, &format!("http://{}", second.serve_http().await));
    until(|| {
        // A new one each time: what the first receiver still got is not sent again.
        bench.record(&[&format!("span {}", bench.metric("tracestamp_spans_delivered_total"))]);
        !second.names().is_empty()
    })
    .await;
    running.drain().await;
    assert!(first.names().starts_with(&["a".to_owned(), "b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_replaced_is_not_waited_for() {
    let (mut bench, receiver) = (Bench::new(), Receiver::default());
    bench.options.backoff.first = std::time::Duration::from_hours(1);
    bench.options.backoff.longest = std::time::Duration::from_hours(1);
    let file = bench.dir.path().join("endpoint");
    replace(&file, "http://127.0.0.1:1");
    bench.record(&["a"]);
    let running = bench.start(OtlpArgs { endpoint_file: Some(file.clone()), ..OtlpArgs::default() });
    bench.until(r#"tracestamp_deliveries_total{result="retry"}"#, 1).await;
    replace(&file, &format!("http://{}", receiver.serve_http().await));
    running.drain().await;
    assert_eq!(receiver.names(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_read_again_from_their_file() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let file = bench.dir.path().join("headers");
    replace(&file, "# the token of the tenant\nauthorization=first\n");
    let otlp = OtlpArgs {
        endpoint: Some(format!("http://{}", receiver.serve_http().await)),
        headers: Some("authorization=variable,x-tenant=blue".to_owned()),
        headers_file: Some(file.clone()),
        ..OtlpArgs::default()
    };
    bench.record(&["a"]);
    let running = bench.start(otlp);
    until(|| receiver.received().len() == 1).await;
    replace(&file, "authorization=second");
    until(|| {
        bench.record(&[&format!("span {}", receiver.received().len())]);
        receiver.received().last().unwrap().headers["authorization"] == "second"
    })
    .await;
    running.drain().await;
    let received = receiver.received();
    assert_eq!(received[0].headers["authorization"], "first", "the file wins");
    assert!(received.iter().all(|received| received.headers["x-tenant"] == "blue"));
}
