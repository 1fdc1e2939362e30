//! The webhook is gone, its registration is not.

use serde_json::Value;
use tokio::task::block_in_place;
use tracestamp_tests::{Scenario, Tracestamp, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_succeeds_untouched_while_the_webhook_is_away() {
    let Some(shared) = shared() else { return };
    let mut tracestamp = Tracestamp::start(&shared).unwrap();
    tracestamp.take_webhook().unwrap().kill();

    let namespace = tracestamp.namespace("away").unwrap();
    let runs = block_in_place(|| Scenario::load("taskrun").unwrap().play(&namespace).unwrap());

    let name = runs[0]["metadata"]["name"].as_str().unwrap();
    let run = namespace.kubectl.get(&["taskrun", name]).unwrap();
    let pod = namespace.kubectl.get(&["pod", &format!("{name}-pod")]).unwrap();
    assert_eq!(run["status"]["conditions"][0]["status"], "True", "{run:#}");
    for object in [&run, &pod] {
        let annotations = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        let ours: Vec<_> = annotations.keys().filter(|key| key.contains("tracestamp.dev")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
    assert_eq!(pod.pointer("/spec/containers/0/env").map(names).unwrap_or_default(), Vec::<String>::new());
}

fn names(env: &Value) -> Vec<String> {
    let names = env.as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with("TRACE")).collect()
}
