//! An installation with certificates made by hand, and `tracestamp doctor` while one thing after another is broken.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::task::block_in_place;
use tracestamp_tests::{Installation, Jaeger, Scenario, Shared, Tree, poll, program, shared};

use crate::outlines::TASK_RUN;

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_nothing_wrong_until_something_is() {
    let Some(shared) = shared() else { return };
    let trace_id = block_in_place(|| {
        let tree = Tree::copy(&shared).unwrap();
        let url = format!("TRACESTAMP_TRACE_URL={}/trace/{{trace_id}}", shared.jaeger_query);
        tree.add_to_jaeger(&shared, "by-hand", "self-managed", &[&url]).unwrap();
        tree.issue("by-hand").unwrap();
        let installation = Installation::apply(&shared, &tree, "by-hand").unwrap();
        expect(&shared, &[]);

        let namespace = shared.namespace("by-hand", &[]).unwrap();
        let run = Scenario::load("taskrun").unwrap().play(&namespace).unwrap().remove(0);
        let name = run["metadata"]["name"].as_str().unwrap();
        let annotation = |key: &str| {
            let column = format!(r"jsonpath={{.metadata.annotations.tracestamp\.dev/{key}}}");
            namespace.kubectl.run(&["get", "taskrun", name, "-o", &column]).unwrap()
        };
        let trace_id = annotation("traceparent").split('-').nth(1).unwrap().to_owned();
        assert_eq!(annotation("trace-url"), format!("{}/trace/{trace_id}", shared.jaeger_query));

        // A second authority, as when somebody made the certificate anew without the old one.
        let kubectl = installation.kubectl.anywhere();
        let bundle = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": another(&shared)}]);
        let patch = ["patch", "mutatingwebhookconfiguration", "tracestamp", "--type=json", "--patch"];
        kubectl.run(&[&patch[..], &[&bundle.to_string()]].concat()).unwrap();
        expect(&shared, &["FAIL    caBundle"]);
        installation.reapply().unwrap();

        kubectl.run(&["delete", "validatingwebhookconfiguration", "tracestamp"]).unwrap();
        expect(&shared, &["FAIL    registration", "FAIL    registration"]);
        installation.reapply().unwrap();

        installation.kubectl.run(&["scale", "deployment/tracestamp", "--replicas=0"]).unwrap();
        poll("the last Pod's end", Duration::from_mins(2), || {
            let pods = ["get", "pods", "--selector=app.kubernetes.io/name=tracestamp", "-o", "name"];
            Ok(installation.kubectl.run(&pods)?.is_empty().then_some(()))
        })
        .unwrap();
        expect(&shared, &["FAIL    Service", "FAIL    Pods"]);

        // Renewed under the same authority: the Pods of the next roll-out and those that run are believed all the same.
        tree.issue("by-hand").unwrap();
        installation.reapply().unwrap();
        installation.rolled_out().unwrap();
        expect(&shared, &[]);
        trace_id
    });
    Jaeger::new(&shared).unwrap().expect(&trace_id, TASK_RUN).await.unwrap();
}

/// Doctor says so within a minute, and its exit status as well.
fn expect(shared: &Shared, failures: &[&str]) {
    let mut last = String::new();
    let told = poll("what doctor is to say", Duration::from_mins(1), || {
        let output = Command::new(program("tracestamp"))
            .args(["doctor", "--kubeconfig"])
            .arg(shared.kubectl.kubeconfig())
            .output()?;
        last = String::from_utf8(output.stdout)?;
        let failed: Vec<_> = last.lines().filter(|line| line.starts_with("FAIL")).collect();
        let same = failed.len() == failures.len()
            && failed.iter().zip(failures).all(|(failed, expected)| failed.starts_with(expected));
        Ok((same && output.status.success() == failures.is_empty()).then_some(()))
    });
    assert!(told.is_ok(), "expected {failures:?}:\n{last}");
}

/// The cluster's own authority, which did not sign the certificate; in base64.
fn another(shared: &Shared) -> String {
    let kubeconfig = std::fs::read(shared.kubectl.kubeconfig()).unwrap();
    let kubeconfig: serde_json::Value = serde_json::from_slice(&kubeconfig).unwrap();
    kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap().to_owned()
}
