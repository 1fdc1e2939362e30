//! The component `events`: what the kubelet and the scheduler say of a Pod.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tracestamp_tests::{
    Jaeger, JaegerTrace, Kubectl, Namespace, Node, Scenario, Shared, Tracestamp, forget_image, poll, shared,
};

const LIMIT: Duration = Duration::from_mins(2);

/// An image that the registry takes two seconds for, whatever it is asked of it.
const SLOW_IMAGE: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "slow"},
    "spec": {"taskSpec": {"steps": [{"name": "show", "image": "test.local/slow:1", "command": ["true"]}]}}
}"#;

/// No node has the label.
const NO_NODE: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "nowhere"},
    "spec": {
        "podTemplate": {"nodeSelector": {"e2e.tracestamp.dev/nowhere": "here"}},
        "taskSpec": {"steps": [{"name": "show", "image": "test.local/busybox:1", "command": ["true"]}]}
    }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_pull_is_the_long_span_it_is() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::with_events(&shared, &[]).unwrap();
    let namespace = tracestamp.namespace("events").unwrap();
    block_in_place(|| {
        forget_image("test.local/slow:1").unwrap();
        namespace.kubectl.create(SLOW_IMAGE).unwrap();
        await_end(&namespace, "slow");
    });

    let trace = trace(&shared, &tracestamp, &namespace, "slow", "step").await;
    let pull = of_event(&trace, "pull test.local/slow:1");
    let told = events(&namespace, "Pulled").into_iter().find_map(|event| duration(&event["message"])).unwrap();
    let took = pull.end.duration_since(pull.start);
    assert!(took >= SignedDuration::from_secs(2), "{took}");
    assert!(took.checked_sub(told).unwrap().abs() <= SignedDuration::from_micros(1), "{took}, but {told} is told");
    assert_eq!(parent(&trace, pull).what(), "pod");
    let [step] = &trace.of("step").collect::<Vec<_>>()[..] else { panic!("{trace:?}") };
    // The kubelet writes the Event before it creates the container, whose times are seconds.
    assert!(pull.end <= step.end.saturating_add(SignedDuration::from_secs(1)).unwrap(), "{pull:?} {step:?}");
    for (key, value) in [
        ("k8s.container.name", "step-show"),
        ("container.image.name", "test.local/slow"),
        ("k8s.event.reason", "Pulled"),
        ("taskrun", "slow"),
    ] {
        assert_eq!(pull.tag(key), value, "{key}");
    }
    assert!(pull.tag("tracestamp.image.size").parse::<u64>().is_ok_and(|size| size > 100_000), "{pull:?}");
    assert!(pull.tag("error").is_empty(), "{pull:?}");
    assert_eq!(pull.warnings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_a_failed_pull() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::with_events(&shared, &[]).unwrap();
    let namespace = tracestamp.namespace("events").unwrap();
    let runs = block_in_place(|| Scenario::load("image-pull").unwrap().play(&namespace)).unwrap();
    let name = runs[0]["metadata"]["name"].as_str().unwrap();

    let trace = trace(&shared, &tracestamp, &namespace, name, "pod").await;
    let pull = of_event(&trace, "pull test.local/no-such-image:1");
    assert_eq!((pull.start, pull.tag("error"), pull.tag("error.type")), (pull.end, "true", "not_found"));
    assert_eq!(parent(&trace, pull).what(), "pod");
    let failed = events(&namespace, "Failed");
    let told = failed.iter().find(|event| event["message"].as_str().unwrap().starts_with("Failed to pull")).unwrap();
    let second: Timestamp = told["firstTimestamp"].as_str().unwrap().parse().unwrap();
    let after = pull.end.duration_since(second);
    assert!(SignedDuration::ZERO <= after && after < SignedDuration::from_secs(1), "{after}");
    let pulls = trace.of("pull").filter(|span| span.tag("error") == "true").count();
    assert_eq!(pulls, 1, "`Error: ErrImagePull` is the same failure");
    assert!(trace.of("pod_event").any(|event| event.name == "BackOff"), "{trace:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_finds_no_node_says_so() {
    let Some(shared) = shared() else { return };
    let tracestamp = Tracestamp::with_events(&shared, &[]).unwrap();
    let namespace = tracestamp.namespace("events").unwrap();
    block_in_place(|| {
        namespace.kubectl.create(NO_NODE).unwrap();
        poll("FailedScheduling", LIMIT, || Ok(events(&namespace, "FailedScheduling").pop())).unwrap();
        namespace.kubectl.run(&["delete", "taskrun", "nowhere"]).unwrap();
    });

    let spans = poll_spans(&tracestamp, &namespace, "FailedScheduling").await;
    assert_eq!(spans, 1, "each occurrence once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_no_review_tells_of_is_asked_for_once() {
    let Some(shared) = shared() else { return };
    let rights = Rights::of_the_component(&shared).unwrap();
    let settings = [
        ("TRACESTAMP_POD_EVENTS_LOOKUP", "1s"),
        ("TRACESTAMP_API_SERVER", &rights.server),
        ("TRACESTAMP_API_SERVER_CA_FILE", rights.ca_file.to_str().unwrap()),
        ("TRACESTAMP_API_SERVER_TOKEN_FILE", rights.token_file.to_str().unwrap()),
    ];
    let tracestamp = Tracestamp::with_events(&shared, &settings).unwrap();
    let namespace = tracestamp.namespace("events").unwrap();
    block_in_place(|| namespace.kubectl.create(NO_NODE)).unwrap();

    assert_eq!(poll_spans(&tracestamp, &namespace, "FailedScheduling").await, 1);
    let phase = namespace.kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"]).unwrap();
    assert_eq!(phase, "Pending", "nothing ended, so no review of the Pod was sent");
    let metrics = tracestamp.metrics().unwrap();
    assert_eq!(metrics.sum("tracestamp_pod_lookups_total", &["outcome=\"found\""]), 1);
    assert_eq!(metrics.sum("tracestamp_pod_lookups_total", &["outcome=\"error\""]), 0);
    assert!(rights.may("get", "pods"));
    for (verb, what) in [("list", "pods"), ("patch", "pods"), ("get", "secrets"), ("get", "taskruns.tekton.dev")] {
        assert!(!rights.may(verb, what), "{verb} {what}");
    }
    let roles = format!("clusterrole/{0} clusterrolebinding/{0}", rights.account.name);
    shared.kubectl.run(&[&["delete"][..], &roles.split(' ').collect::<Vec<_>>()].concat()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_events_only_those_are_sent_that_tell() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::with_events(&shared, &[]).unwrap();
    let namespace = tracestamp.namespace("events").unwrap();
    block_in_place(|| Scenario::load("success").unwrap().play(&namespace)).unwrap();

    let pulled = events(&namespace, "Pulled").len() as u64;
    let all = all_events(&namespace).len() as u64;
    let metrics = tracestamp.metrics().unwrap();
    let counted = |labels: &[&str]| metrics.sum("tracestamp_reviews_total", labels);
    let (sent, total) = (counted(&["kind=\"Event\""]), counted(&[]));
    println!("{total} reviews of a PipelineRun, {sent} of them Events; {all} Events were written");
    assert!(sent < all && counted(&["kind=\"Event\"", "operation=\"CREATE\""]) >= pulled, "{sent} of {all}");
    assert_eq!(counted(&["kind=\"Event\"", "outcome=\"not_traced\""]), 0);
    let name = ["name=\"events.observe.tracestamp.dev\""];
    let of_api_server = |metric| shared.kubectl.api_server_metric(metric, &name).unwrap();
    assert!(of_api_server("apiserver_admission_match_condition_exclusions_total") > 0, "every Event was sent");
    assert_eq!(of_api_server("apiserver_admission_match_condition_evaluation_errors_total"), 0);
    block_in_place(|| tracestamp.finish()).unwrap();
}

/// A service account with the rights of the component `events-lookup` and no others.
struct Rights {
    /// Its namespace, without which the token is not valid.
    account: Namespace,
    server: String,
    ca_file: PathBuf,
    token_file: PathBuf,
    kubectl: Kubectl,
}

impl Rights {
    fn of_the_component(shared: &Shared) -> anyhow::Result<Self> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/components/events-lookup/rbac.yaml");
        let account = shared.namespace("lookup", &[])?;
        let name = &account.name;
        let rbac = fs::read_to_string(file)?
            .replace("namespace: tracestamp", &format!("namespace: {name}"))
            .replace("tracestamp-events-lookup", name);
        account.kubectl.run(&["create", "serviceaccount", "tracestamp"])?;
        account.kubectl.anywhere().apply(&rbac)?;
        let token = account.kubectl.run(&["create", "token", "tracestamp"])?;
        let mut config: Value = serde_json::from_str(&shared.kubectl.run(&["config", "view", "--raw", "-o", "json"])?)?;
        config["users"][0]["user"] = json!({"token": token.trim()});
        let file = |suffix: &str| shared.directory.join(format!("{name}.{suffix}"));
        let (kubeconfig, ca_file, token_file) = (file("kubeconfig"), file("ca.crt"), file("token"));
        fs::write(&kubeconfig, config.to_string())?;
        fs::write(&token_file, token.trim())?;
        let cluster = &config["clusters"][0]["cluster"];
        let server = cluster["server"].as_str().context("a kubeconfig without a server")?.to_owned();
        let authority = cluster["certificate-authority-data"].as_str().context("a kubeconfig without an authority")?;
        fs::write(&ca_file, STANDARD.decode(authority)?)?;
        let kubectl = account.kubectl.with_kubeconfig(&kubeconfig);
        Ok(Self { account, server, ca_file, token_file, kubectl })
    }

    fn may(&self, verb: &str, what: &str) -> bool {
        self.kubectl.run(&["auth", "can-i", verb, what]).is_ok()
    }
}

fn await_end(namespace: &Namespace, task_run: &str) {
    let column = r#"jsonpath={.status.conditions[?(@.type=="Succeeded")].status}"#;
    poll("the end of the TaskRun", LIMIT, || {
        Ok((namespace.kubectl.run(&["get", "taskrun", task_run, "-o", column])? != "Unknown").then_some(()))
    })
    .unwrap();
}

/// The trace of a TaskRun once Jaeger has a span of this sort, the last to come, and what comes with it.
async fn trace(shared: &Shared, tracestamp: &Tracestamp, namespace: &Namespace, name: &str, last: &str) -> JaegerTrace {
    let id = block_in_place(|| tracestamp.trace_id(namespace, "taskrun", name)).unwrap();
    let jaeger = Jaeger::new(shared).unwrap();
    let deadline = tokio::time::Instant::now() + LIMIT;
    loop {
        let trace = jaeger.trace(&id).await.unwrap();
        if let Some(trace) = trace.filter(|trace| trace.of(last).count() > 0 && trace.of("pull").count() > 0) {
            tokio::time::sleep(Duration::from_secs(3)).await;
            return jaeger.trace(&id).await.unwrap().unwrap_or(trace);
        }
        assert!(tokio::time::Instant::now() < deadline, "no {last} and pull in trace {id}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// How often a span of this name was sent of the namespace, once there is one.
async fn poll_spans(tracestamp: &Tracestamp, namespace: &Namespace, name: &str) -> usize {
    let sent = || {
        let spans = tracestamp.tee.all();
        spans.iter().filter(|sent| sent.namespace() == namespace.name && sent.span.name == name).count()
    };
    let deadline = tokio::time::Instant::now() + LIMIT;
    while sent() == 0 {
        assert!(tokio::time::Instant::now() < deadline, "no {name}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    sent()
}

fn of_event<'t>(trace: &'t JaegerTrace, name: &str) -> &'t Node {
    let named: Vec<_> = trace.spans.iter().filter(|span| span.name == name).collect();
    let [span] = named[..] else { panic!("{name}: {}", trace.outline()) };
    span
}

fn parent<'t>(trace: &'t JaegerTrace, span: &Node) -> &'t Node {
    trace.spans.iter().find(|other| span.parent.as_ref() == Some(&other.id)).unwrap()
}

fn all_events(namespace: &Namespace) -> Vec<Value> {
    namespace.kubectl.get(&["events"]).unwrap()["items"].as_array().unwrap().clone()
}

fn events(namespace: &Namespace, reason: &str) -> Vec<Value> {
    all_events(namespace).into_iter().filter(|event| event["reason"] == reason).collect()
}

/// `(4.069s including waiting)`
fn duration(message: &Value) -> Option<SignedDuration> {
    let (told, _) = message.as_str()?.split_once("s including waiting)")?;
    let (rest, seconds) = told.rsplit_once('(')?;
    rest.contains("test.local/slow:1").then(|| SignedDuration::from_secs_f64(seconds.parse().unwrap()))
}
