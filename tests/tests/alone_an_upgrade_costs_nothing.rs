//! While runs are created all the time: the certificate is rotated, the Deployment restarted, a Pod deleted, scaled up
//! and down, each replica evicted in turn. No call of the API server fails, and each run has its whole trace. Afterwards
//! nothing of the installation is left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tracestamp_tests::{CertManager, Installation, Jaeger, Kubectl, Namespace, Shared, Tree, evict, poll, shared};

const LIMIT: Duration = Duration::from_mins(3);

const RUN: &str = r#"{
    "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "steady-"},
    "spec": {"pipelineSpec": {"tasks": [{"name": "only", "taskSpec": {"steps": [
        {"name": "work", "image": "test.local/busybox:1", "command": ["sleep", "1"]}
    ]}}]}}
}"#;

const TRACE: &str = "
    pipeline_run RUN steady
      task_run only
        pod pod
          init_container prepare
        step work
    ";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_and_no_span_is_lost_and_uninstalling_leaves_nothing() {
    let Some(shared) = shared() else { return };
    let (traces, namespace) = block_in_place(|| {
        let _cert_manager = CertManager::start(&shared).unwrap();
        let tree = Tree::copy(&shared).unwrap();
        tree.add_to_jaeger(&shared, "steady", "cert-manager", &[]).unwrap();
        let installation = Installation::apply(&shared, &tree, "steady").unwrap();
        expect_restricted(&installation);
        let before = calls(&shared);
        let namespace = shared.namespace("steady", &[]).unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|threads| {
            let runs = threads.spawn(|| create_until(&over, &namespace.kubectl));
            let ended = Over(&over);
            await_runs(&namespace.kubectl, 2);
            rotate(&installation);
            let kubectl = &installation.kubectl;
            kubectl.run(&["rollout", "restart", "deployment/tracestamp"]).unwrap();
            installation.rolled_out().unwrap();
            let [first, ..] = &*installation.pods().unwrap() else { panic!("no Pod") };
            kubectl.run(&["delete", "pod", first]).unwrap();
            installation.rolled_out().unwrap();
            for replicas in ["4", "1", "2"] {
                kubectl.run(&["scale", "deployment/tracestamp", "--replicas", replicas]).unwrap();
                installation.rolled_out().unwrap();
            }
            for pod in installation.pods().unwrap() {
                evict_one(kubectl, &pod);
                installation.rolled_out().unwrap();
            }
            drop(ended);
            runs.join().unwrap();
        });
        await_ends(&namespace.kubectl);
        expect_no_call_failed(&before, &calls(&shared));
        let traces = trace_ids(&namespace.kubectl);
        installation.delete().unwrap();
        expect_nothing_left(&shared);
        (traces, namespace)
    });
    println!("{} runs", traces.len());
    assert!(traces.len() >= 20, "no load: {} runs", traces.len());

    let waiting: Vec<_> = traces
        .into_iter()
        .map(|(run, trace_id)| {
            let jaeger = Jaeger::new(&shared).unwrap();
            tokio::spawn(async move { jaeger.expect(&trace_id, TRACE).await.map(drop).map_err(|error| (run, error)) })
        })
        .collect();
    let mut incomplete = Vec::new();
    for waited in waiting {
        incomplete.extend(waited.await.unwrap().err());
    }
    assert!(incomplete.is_empty(), "{incomplete:#?}");
    block_in_place(|| expect_untouched_runs(&shared));
    drop(namespace);
}

/// What the API server counts of each webhook: its calls, those that failed, requests that it rejected.
fn calls(shared: &Shared) -> BTreeMap<&'static str, [u64; 3]> {
    let count = |webhook| {
        let name = format!("name=\"{webhook}.tracestamp.dev\"");
        ["request_total", "fail_open_count", "rejection_count"].map(|metric| {
            let metric = format!("apiserver_admission_webhook_{metric}");
            shared.kubectl.api_server_metric(&metric, &[&name]).unwrap()
        })
    };
    ["runs.stamp", "pods.stamp", "runs.observe", "pods.observe"].map(|webhook| (webhook, count(webhook))).into()
}

fn expect_no_call_failed(before: &BTreeMap<&str, [u64; 3]>, after: &BTreeMap<&str, [u64; 3]>) {
    for (webhook, [called, failed, rejected]) in after {
        let [called_before, failed_before, rejected_before] = before[webhook];
        assert!(*called > called_before, "{webhook}: never called");
        assert_eq!([*failed, *rejected], [failed_before, rejected_before], "{webhook}: calls failed, rejected");
    }
}

/// Ends the creation of runs, also when something panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The namespace refuses what is not restricted, so the Pods are. They hold no token and can write to the spool alone.
fn expect_restricted(installation: &Installation) {
    let kubectl = &installation.kubectl;
    let level = r"jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}";
    assert_eq!(kubectl.run(&["get", "namespace", "tracestamp", "-o", level]).unwrap(), "restricted");
    let pods = kubectl.get(&["pods"]).unwrap();
    for pod in pods["items"].as_array().unwrap() {
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        assert!(volumes.iter().all(|volume| volume["projected"].is_null()), "a token: {volumes:?}");
        for container in ["containers", "initContainers"].iter().flat_map(|list| pod["spec"][list].as_array().unwrap())
        {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
            for mount in container["volumeMounts"].as_array().unwrap() {
                assert!(mount["readOnly"] == true || mount["name"] == "spool", "{mount}");
            }
        }
    }
}

fn create_until(over: &AtomicBool, kubectl: &Kubectl) {
    while !over.load(Ordering::Relaxed) {
        kubectl.create(RUN).unwrap();
        thread::sleep(Duration::from_millis(2500));
    }
}

fn await_runs(kubectl: &Kubectl, number: usize) {
    poll("the first runs' end", LIMIT, || {
        let ended = kubectl.run(&["get", "pipelineruns", "-o", "jsonpath={.items[*].status.completionTime}"])?;
        Ok((ended.split_whitespace().count() >= number).then_some(()))
    })
    .unwrap();
}

/// Asks cert-manager for a new certificate, as `cmctl renew` does, and waits until every Pod serves it.
fn rotate(installation: &Installation) {
    let kubectl = &installation.kubectl;
    let serial = || kubectl.run(&["get", "secret", "tracestamp-webhook-tls", "-o", r"jsonpath={.data.tls\.crt}"]);
    let before = serial().unwrap();
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let issuing = json!({"status": {"conditions": [{
        "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "", "lastTransitionTime": now,
    }]}});
    let patch = ["patch", "certificate", "tracestamp-webhook", "--subresource=status", "--type=merge", "--patch"];
    kubectl.run(&[&patch[..], &[&issuing.to_string()]].concat()).unwrap();
    poll("a new certificate", LIMIT, || Ok((serial()? != before).then_some(()))).unwrap();
    // The kubelet looks at mounted Secrets whenever it looks at the Pod, and within a minute or so by itself.
    kubectl.run(&["annotate", "pods", "--all", "--overwrite", &format!("e2e.tracestamp.dev/look={now}")]).unwrap();
    for pod in installation.pods().unwrap() {
        poll("the new certificate in use", LIMIT, || {
            let metrics = installation.admin(&pod, 8080, "metrics")?;
            let taken = "tracestamp_certificate_reloads_total{result=\"success\"} 1";
            Ok(metrics.lines().any(|line| line == taken).then_some(()))
        })
        .unwrap();
    }
}

/// The budget allows one at a time, so the second has to ask again.
fn evict_one(kubectl: &Kubectl, pod: &str) {
    poll("the eviction", LIMIT, || Ok(evict("tracestamp", &kubectl.anywhere(), pod).ok())).unwrap();
    poll("the Pod's end", LIMIT, || Ok(kubectl.run(&["get", "pod", pod]).is_err().then_some(()))).unwrap();
}

fn await_ends(kubectl: &Kubectl) {
    poll("the runs' end", LIMIT, || {
        let phases = kubectl.run(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"])?;
        let runs = kubectl.get(&["pipelineruns"])?;
        let ended = |run: &Value| run["status"]["completionTime"].is_string();
        let over = runs["items"].as_array().is_some_and(|runs| runs.iter().all(ended));
        Ok((over && phases.split(' ').all(|phase| matches!(phase, "Succeeded" | "Failed"))).then_some(()))
    })
    .unwrap();
}

/// Of each run, by its name.
fn trace_ids(kubectl: &Kubectl) -> Vec<(String, String)> {
    let runs = kubectl.get(&["pipelineruns"]).unwrap();
    let trace_id = |run: &Value| {
        let name = run["metadata"]["name"].as_str().unwrap();
        let traceparent = run["metadata"]["annotations"]["tracestamp.dev/traceparent"].as_str();
        let traceparent = traceparent.unwrap_or_else(|| panic!("{name} was not stamped"));
        (name.to_owned(), traceparent.split('-').nth(1).unwrap().to_owned())
    };
    runs["items"].as_array().unwrap().iter().map(trace_id).collect()
}

fn expect_nothing_left(shared: &Shared) {
    let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations,priorityclasses,clusterroles,clusterrolebindings";
    let left = shared.kubectl.run(&["get", kinds, "-o", "name"]).unwrap();
    let left: Vec<_> = left.lines().filter(|name| name.contains("tracestamp")).collect();
    assert_eq!(left, Vec::<&str>::new());
    assert!(shared.kubectl.run(&["get", "namespace", "tracestamp"]).is_err(), "the namespace is left");
}

/// A run after the uninstallation is as if there had never been one.
fn expect_untouched_runs(shared: &Shared) {
    let namespace: Namespace = shared.namespace("after", &[]).unwrap();
    namespace.kubectl.create(RUN).unwrap();
    await_runs(&namespace.kubectl, 1);
    let objects = namespace.kubectl.run(&["get", "pipelineruns,taskruns,pods", "-o", "json"]).unwrap();
    assert!(!objects.contains("tracestamp.dev/"), "{objects}");
}
