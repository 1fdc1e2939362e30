use crate::webhook::{ENDPOINT, Webhook, allowed, completed, created};

#[tokio::test]
async fn on_sigterm_readiness_fails_requests_are_answered_with_close_and_then_it_ends() {
    let mut webhook = Webhook::start(&[ENDPOINT, "--drain-delay=4s"]).await;
    let client = webhook.client();
    let url = format!("{}/observe?timeout=1s", webhook.url);
    let before = client.post(&url).body(completed()).send().await.unwrap();
    assert!(before.headers().get("connection").is_none());
    allowed(before).await;

    webhook.terminate();
    webhook.until("readiness fails", async || webhook.admin("/ready").await.0 == 503).await;
    assert_eq!(webhook.admin("/live").await.0, 200);
    let during = client.post(&url).body(created(0)).send().await.unwrap();
    assert_eq!(during.headers()["connection"], "close");
    allowed(during).await;
    assert_eq!(webhook.exit_code().await, Some(0), "{}", webhook.log());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut webhook = Webhook::start(&[ENDPOINT, "--drain-delay=1h"]).await;
    webhook.terminate();
    webhook.until("the first is seen", async || webhook.admin("/ready").await.0 == 503).await;
    webhook.terminate();
    assert_eq!(webhook.exit_code().await, Some(128 + 15));
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut webhook = Webhook::start(&[ENDPOINT, "--drain-timeout=1h"]).await;
    let client = webhook.client();
    allowed(client.post(format!("{}/stamp", webhook.url)).body(created(0)).send().await.unwrap()).await;
    webhook.terminate();
    assert_eq!(webhook.exit_code().await, Some(0));
    drop(client);
}
