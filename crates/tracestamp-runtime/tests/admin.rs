//! The admin port as the kubelet and Prometheus see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use tracestamp_runtime::admin::{self, Readiness};
use tracestamp_runtime::metrics;

async fn get(url: String) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn ready_means_that_every_named_check_holds_and_live_does_not_depend_on_it() {
    tracestamp_runtime::install_crypto_provider();
    let listener = admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let readiness = Readiness::default();
    let (one, two) = (readiness.check("one"), readiness.check("two"));
    admin::serve(listener, metrics::registry("test", "1.2.3"), readiness);

    one.set(true, "fine");
    let (status, body) = get(format!("{url}/ready")).await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["checks"]["one"], serde_json::json!({"ready": true, "detail": "fine"}));
    assert_eq!(body["checks"]["two"]["ready"], false);
    assert_eq!(get(format!("{url}/live")).await.0, 200);

    two.set(true, "fine");
    assert_eq!(get(format!("{url}/ready")).await.0, 200);
    two.set(false, "gone");
    assert_eq!(get(format!("{url}/ready")).await.0, 503);

    let (status, metrics) = get(format!("{url}/metrics")).await;
    assert_eq!(status, 200);
    assert!(metrics.contains(r#"tracestamp_build_info{process="test",version="1.2.3"} 1"#), "{metrics}");
}
