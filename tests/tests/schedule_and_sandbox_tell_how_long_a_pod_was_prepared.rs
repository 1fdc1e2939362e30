//! `schedule` and `sandbox` take their times from the Pod's conditions, which are seconds: where two of them fall into
//! one, there is no span.

use std::time::Duration;

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Namespace, Reviews, Scenario, SeenSpan, Tracestamp, poll, shared};

const LIMIT: Duration = Duration::from_mins(2);

/// No node has the label at first, and the kubelet sets no sandbox up before it has the volume.
const SLOW: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "slow"},
    "spec": {
        "podTemplate": {"nodeSelector": {"e2e.tracestamp.dev/NAMESPACE": "here"}},
        "workspaces": [{"name": "data", "configMap": {"name": "late"}}],
        "taskSpec": {
            "workspaces": [{"name": "data"}],
            "steps": [{"name": "show", "image": "test.local/busybox:1", "command": ["true"]}]
        }
    }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_waits_for_a_node_and_then_for_a_volume_tells_both() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let reviews = tracestamp.reviews().unwrap();
    let namespace = tracestamp.namespace("prepared").unwrap();

    block_in_place(|| {
        await_scheduled(&namespace);
        // Longer than a second, so that the conditions must differ.
        std::thread::sleep(Duration::from_secs(2));
        namespace.kubectl.run(&["create", "configmap", "late"]).unwrap();
        await_end(&namespace);
        unlabel(&namespace);
    });

    let spans = finish(&mut tracestamp, &namespace);
    assert_eq!(of(&spans, "slow-pod"), expected(&reviews, "slow-pod"));
    assert_eq!(of(&spans, "slow-pod").len(), 2, "neither was long enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_deleted_before_its_sandbox_is_up_tells_how_long_it_was_scheduled() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let reviews = tracestamp.reviews().unwrap();
    let namespace = tracestamp.namespace("prepared").unwrap();

    block_in_place(|| {
        await_scheduled(&namespace);
        namespace.kubectl.run(&["delete", "taskrun", "slow"]).unwrap();
        await_end(&namespace);
        unlabel(&namespace);
    });

    let spans = finish(&mut tracestamp, &namespace);
    let expected = expected(&reviews, "slow-pod");
    assert_eq!(expected.iter().map(|(what, ..)| what.as_str()).collect::<Vec<_>>(), ["schedule"]);
    assert_eq!(of(&spans, "slow-pod"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_a_plain_run_tell_exactly_what_their_conditions_say() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    let reviews = tracestamp.reviews().unwrap();
    let namespace = tracestamp.namespace("prepared").unwrap();

    block_in_place(|| {
        for scenario in ["success", "matrix", "fail-retry"] {
            Scenario::load(scenario).unwrap().play(&namespace).unwrap();
        }
        await_end(&namespace);
    });

    let spans = finish(&mut tracestamp, &namespace);
    let pods: Vec<_> = pods(&reviews);
    assert_eq!(pods.len(), 3 + 3 + 2, "{pods:?}");
    for pod in pods {
        assert_eq!(of(&spans, &pod), expected(&reviews, &pod), "{pod}");
    }
}

/// Creates the run, lets its Pod wait for a node and gives it one.
fn await_scheduled(namespace: &Namespace) {
    let kubectl = &namespace.kubectl;
    kubectl.create(&SLOW.replace("NAMESPACE", &namespace.name)).unwrap();
    let condition = |kind: &str, status: &str| {
        let column = format!(r#"jsonpath={{.items[*].status.conditions[?(@.type=="{kind}")].status}}"#);
        poll(&format!("{kind} {status}"), LIMIT, || {
            Ok((kubectl.run(&["get", "pods", "-o", &column])? == status).then_some(()))
        })
        .unwrap();
    };
    condition("PodScheduled", "False");
    std::thread::sleep(Duration::from_secs(2));
    kubectl.run(&["label", "nodes", "--all", &format!("e2e.tracestamp.dev/{}=here", namespace.name)]).unwrap();
    condition("PodScheduled", "True");
}

fn unlabel(namespace: &Namespace) {
    namespace.kubectl.run(&["label", "nodes", "--all", &format!("e2e.tracestamp.dev/{}-", namespace.name)]).unwrap();
}

/// Until every Pod has come to its end, or is gone.
fn await_end(namespace: &Namespace) {
    poll("the Pods' end", LIMIT, || {
        let phases = namespace.kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"])?;
        Ok(phases.split(' ').all(|phase| matches!(phase, "" | "Succeeded" | "Failed")).then_some(()))
    })
    .unwrap();
}

/// All that was sent of the namespace, once nothing more can come.
fn finish(tracestamp: &mut Tracestamp, namespace: &Namespace) -> Vec<SeenSpan> {
    block_in_place(|| tracestamp.finish()).unwrap();
    let spans = tracestamp.tee.all();
    spans.into_iter().filter(|sent| sent.namespace() == namespace.name).collect()
}

/// Sort, start and end of what was sent of the Pod's preparation.
fn of(spans: &[SeenSpan], pod: &str) -> Vec<(String, u64, u64)> {
    let preparation = |sent: &&SeenSpan| matches!(sent.tag("tracestamp.span"), "schedule" | "sandbox");
    let spans = spans.iter().filter(preparation).filter(|sent| sent.tag("k8s.pod.name") == pod);
    let mut told: Vec<_> = spans
        .map(|sent| (sent.span.name.clone(), sent.span.start_time_unix_nano, sent.span.end_time_unix_nano))
        .collect();
    told.sort_by_key(|told| told.1);
    told
}

/// The Pods that were created.
fn pods(reviews: &Reviews) -> Vec<String> {
    let requests = reviews.requests().into_iter();
    let created = requests.filter(|request| request["kind"]["kind"] == "Pod" && request["operation"] == "CREATE");
    created.map(|request| request["object"]["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The same from the Pod's conditions as the API server showed them: when the sandbox was ready for the first time, or
/// when the Pod went without.
fn expected(reviews: &Reviews, pod: &str) -> Vec<(String, u64, u64)> {
    let requests: Vec<_> = reviews
        .requests()
        .into_iter()
        .filter(|request| request["kind"]["kind"] == "Pod" && request["name"] == pod)
        .collect();
    let time = |value: &Value| {
        let time: jiff::Timestamp = value.as_str().unwrap_or_else(|| panic!("{value} is no time")).parse().unwrap();
        u64::try_from(time.as_nanosecond()).unwrap()
    };
    let since = |object: &Value, kind: &str| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let mut held = conditions.filter(|condition| condition["type"] == kind && condition["status"] == "True");
        held.next().map(|condition| time(&condition["lastTransitionTime"]))
    };
    let mut objects = requests.iter().map(|request| &request["object"]);
    let ready = objects.find_map(|object| Some((object, since(object, "PodReadyToStartContainers")?)));
    let gone =
        || requests.iter().filter(|request| request["operation"] == "DELETE").map(|request| &request["oldObject"]);
    let object =
        ready.map(|(object, _)| object).or_else(|| gone().next_back()).unwrap_or_else(|| panic!("{pod}: no end"));
    let created = time(&object["metadata"]["creationTimestamp"]);
    let scheduled = since(object, "PodScheduled").unwrap_or(created);
    let schedule = ("schedule".to_owned(), created, scheduled);
    let sandbox = ready.map(|(_, ready)| ("sandbox".to_owned(), scheduled, ready));
    [schedule].into_iter().chain(sandbox).filter(|(_, from, to)| to > from).collect()
}
