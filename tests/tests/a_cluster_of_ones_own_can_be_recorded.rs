//! `cluster record` on a cluster that it did not start: it knows a kubeconfig and an address that the API server reaches.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tracestamp_tests::{Namespace, Scenario, Shared, shared};

#[test]
fn every_review_of_the_namespace_is_recorded_until_ctrl_c() {
    let Some(shared) = shared() else { return };
    let namespace = shared.namespace("recorded", &[]).unwrap();
    let other = shared.namespace("unrecorded", &[]).unwrap();
    let out = shared.directory.join(format!("{}.jsonl", namespace.name));
    let port = free_port();
    let (mut recorder, mut output) = start(&shared, &namespace, &url(&shared, port), port, &out);
    output
        .by_ref()
        .lines()
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("recording")))
        .unwrap()
        .unwrap();

    Scenario::load("taskrun").unwrap().play(&other).unwrap();
    Scenario::load("taskrun").unwrap().play(&namespace).unwrap();
    kill_process(Pid::from_child(&recorder), Signal::INT).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();

    assert!(recorder.wait().unwrap().success(), "{rest}");
    assert_eq!(registrations(&shared, &namespace), 0);
    let lines: Vec<Value> =
        fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rest.contains(&format!("{} reviews", lines.len())), "{rest}");
    let of = |key: &str| -> BTreeSet<String> {
        lines.iter().map(|line| line.pointer(key).and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    assert_eq!(of("/phase"), BTreeSet::from(["mutating".to_owned(), "validating".to_owned()]));
    assert_eq!(of("/review/request/namespace"), BTreeSet::from([namespace.name.clone()]));
    let kinds = ["Event", "Pod", "TaskRun"].map(str::to_owned);
    assert_eq!(of("/review/request/kind/kind"), BTreeSet::from(kinds));
    fs::remove_file(out).unwrap();
}

#[test]
fn an_address_that_the_api_server_does_not_reach_is_told_and_nothing_stays_registered() {
    let Some(shared) = shared() else { return };
    let namespace = shared.namespace("unreachable", &[]).unwrap();
    let out = shared.directory.join(format!("{}.jsonl", namespace.name));
    let (mut recorder, _output) = start(&shared, &namespace, &url(&shared, free_port()), free_port(), &out);

    let mut errors = String::new();
    recorder.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!recorder.wait().unwrap().success());
    assert!(errors.contains("the API server does not reach https://"), "{errors}");
    assert_eq!(registrations(&shared, &namespace), 0);
    fs::remove_file(out).unwrap();
}

fn start(shared: &Shared, namespace: &Namespace, url: &str, port: u16, out: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut recorder = Command::new(env!("CARGO_BIN_EXE_cluster"))
        .args(["record", "--url", url, "--listen", &format!("0.0.0.0:{port}"), "--namespace", &namespace.name])
        .arg("--kubectl")
        .arg(shared.kubectl.program())
        .arg("--kubeconfig")
        .arg(shared.kubectl.kubeconfig())
        .arg("--out")
        .arg(out)
        .env_remove("TRACESTAMP_E2E")
        .env("KUBECACHEDIR", shared.directory.join("kubectl"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(recorder.stdout.take().unwrap());
    (recorder, output)
}

/// On the bridge: not the loopback that the harness' own webhooks are reached by.
fn url(shared: &Shared, port: u16) -> String {
    let host = shared.otlp_http.rsplit_once(':').unwrap().0.replace("http:", "https:");
    format!("{host}:{port}")
}

fn free_port() -> u16 {
    TcpListener::bind(("0.0.0.0", 0)).unwrap().local_addr().unwrap().port()
}

/// How many webhooks are registered for the namespace.
fn registrations(shared: &Shared, namespace: &Namespace) -> usize {
    let list = shared.kubectl.get(&["mutatingwebhookconfigurations,validatingwebhookconfigurations"]).unwrap();
    list.to_string().matches(&namespace.name).count()
}
