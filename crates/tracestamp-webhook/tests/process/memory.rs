use crate::hostile::{ApiServer, ENOUGH};
use crate::webhook::{ENDPOINT, Webhook};

/// The memory of the container by `manifests/base/deployment.yaml`, in KiB.
const MEMORY: &str = "-d 524288";

/// The largest body that is read.
const LARGEST: usize = 7 << 20;

/// A review of about `bytes`, of which the most are `entry`, again and again where `@` stands in the object's status.
fn review(kind: &str, status: &str, entry: &str, bytes: usize) -> String {
    let metadata = r#"{"name":"p","namespace":"ci","uid":"u","creationTimestamp":"2026-11-21T11:00:00Z","labels":{"tekton.dev/taskRun":"t"},"ownerReferences":[{"apiVersion":"tekton.dev/v1","kind":"TaskRun","name":"t","uid":"t","controller":true}]}"#;
    let group = if kind == "Pod" { "" } else { "tekton.dev" };
    let status = status.replace('@', &vec![entry; (bytes - 1024) / (entry.len() + 1)].join(","));
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u1","kind":{{"group":"{group}","version":"v1","kind":"{kind}"}},"operation":"UPDATE","namespace":"ci","object":{{"metadata":{metadata},"spec":{{"containers":[{{"name":"step-a"}}]}},"status":{status}}},"oldObject":{{"metadata":{metadata},"status":{{}}}}}}}}"#
    )
}

/// What takes most for its bytes: entries of nothing, where each kind of entry is read; text that is written with escapes,
/// or quoted by an error; attempts, each of which gives a span.
fn worst(bytes: usize) -> Vec<String> {
    let ended = r#""completionTime":"2026-11-21T11:00:04Z","conditions":[{"type":"Succeeded","status":"True"}]"#;
    let attempt = r#"{"startTime":"2026-11-21T11:00:01Z","completionTime":"2026-11-21T11:00:04Z","conditions":[{"type":"Succeeded","status":"False","reason":"Failed"}]}"#;
    vec![
        review("Pod", r#"{"phase":"Succeeded","containerStatuses":[@]}"#, "{}", bytes),
        review("Pod", r#"{"phase":"Succeeded","initContainerStatuses":[@]}"#, "{}", bytes),
        review("PipelineRun", r#"{"conditions":[@]}"#, "{}", bytes),
        review("PipelineRun", &format!(r#"{{"skippedTasks":[@],{ended}}}"#), "{}", bytes),
        review("TaskRun", &format!(r#"{{"retriesStatus":[@],{ended}}}"#), "{}", bytes),
        review("TaskRun", r#"{"retriesStatus":[@]}"#, attempt, bytes),
        review("Pod", r#"{"phase":"@"}"#, r"\n\n\n\n\n\n\n\n", bytes),
        review("Pod", r#""@""#, "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}", bytes),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_reviews_all_at_once_do_not_end_the_process_within_its_memory() {
    let webhook = Webhook::start_under(MEMORY, &[ENDPOINT]).await;
    let server = ApiServer::of(&webhook).await;
    let small = worst(60 << 10);
    let reviews = worst(LARGEST).into_iter().cycle().take(24).chain(small.into_iter().cycle().take(200));
    let sent: Vec<_> = reviews
        .map(|body| {
            let client = webhook.client();
            let sent = client.post(format!("{}/observe?timeout=10s", webhook.url)).body(body).send();
            tokio::spawn(async move { sent.await.map(|answer| answer.status().as_u16()) })
        })
        .collect();
    server.calls_go_on().await;
    let mut allowed = 0;
    for status in sent {
        // Whom there is no room for is answered before the body is sent, and may not be there to read it.
        let status = status.await.unwrap().unwrap_or(429);
        assert!([200, 429].contains(&status), "{status}");
        allowed += usize::from(status == 200);
    }
    assert!(allowed >= 200, "{allowed}");
    server.calls_go_on().await;
    assert!(webhook.peak_memory() < ENOUGH, "{}", webhook.peak_memory());
}
