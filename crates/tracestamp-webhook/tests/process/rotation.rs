use crate::webhook::{ENDPOINT, Webhook, allowed, client, created, mount};

#[tokio::test]
async fn a_rotated_certificate_is_served_and_a_broken_pair_is_not() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    let url = format!("{}/stamp", webhook.url);
    let pooled = webhook.client();
    allowed(pooled.post(&url).body(created(0)).send().await.unwrap()).await;

    let new = mount(webhook.directory.path(), "..2", false);
    webhook
        .until("the new certificate is served", async || client(&new).post(&url).body(created(0)).send().await.is_ok())
        .await;
    allowed(pooled.post(&url).body(created(0)).send().await.unwrap()).await;
    assert!(webhook.has_metric(r#"tracestamp_certificate_reloads_total{result="success"} 1"#).await);

    mount(webhook.directory.path(), "..3", true);
    webhook
        .until("refused", async || {
            webhook.has_metric(r#"tracestamp_certificate_reloads_total{result="failure"} 1"#).await
        })
        .await;
    allowed(client(&new).post(&url).body(created(0)).send().await.unwrap()).await;
    let (status, detail) = webhook.admin("/ready").await;
    assert!(status == 200 && detail.contains("--tls-key"), "{detail}");
    assert!(webhook.admin("/metrics").await.1.contains("tracestamp_certificate_expiry_seconds "));
}
