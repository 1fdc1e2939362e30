use tonic::Status;

use crate::bench::{Bench, grpc, until};
use crate::receiver::{Answer, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_killed_before_the_answer_came_sends_the_same_again() {
    let (bench, receiver) = (Bench::new(), Receiver::new([Answer::Grpc(Status::unavailable("")), Answer::Hang]));
    let address = receiver.serve_grpc().await;
    bench.record(&["a", "b"]);
    let first = bench.start(grpc(address));
    until(|| receiver.received().len() == 2).await;
    first.kill().await;
    bench.deliver(grpc(address)).await;
    let messages: Vec<_> = receiver.received().into_iter().map(|received| received.message).collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message == &messages[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_started_after_the_answer_came_sends_nothing_twice() {
    let (bench, receiver) = (Bench::new(), Receiver::default());
    let address = receiver.serve_grpc().await;
    bench.record(&["a"]);
    bench.deliver(grpc(address)).await;
    bench.record(&["b"]);
    bench.deliver(grpc(address)).await;
    assert_eq!(receiver.names(), ["a", "b"]);
}
