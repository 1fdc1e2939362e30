//! Pods that others have put their containers into.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::objects::*;

/// tektoncd/pipeline#701, #4731, linkerd/linkerd2#11461, kubernetes/kubernetes#113952, istio/istio#8636.
fn injected() -> (Cluster, Value) {
    let mut cluster = Cluster::new();
    let run = cluster.create("10:00:00", pipeline_run("ship-"));
    let task = cluster.create("10:00:00", task_run(&run, "build"));
    let mut pod = pod(&task, "init:prepare init:vault native:mesh step-a step-b step-c sidecar-db");
    let proxy =
        json!({"name": "proxy", "image": "registry.example/proxy:1", "env": [{"name": "LOG", "value": "warn"}]});
    let list = containers(&mut pod, "containers");
    list[0]["env"] = Value::Null;
    list[1]["env"] = json!([]);
    list[2]["env"] = json!([{"name": "ABOVE", "value": "$(TRACEPARENT)"}]);
    list[3]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    list.insert(0, proxy);
    // Until it is stored, the namespace is in the request alone.
    pod["metadata"].as_object_mut().unwrap().remove("namespace");
    (cluster, pod)
}

fn containers<'p>(pod: &'p mut Value, list: &str) -> &'p mut Vec<Value> {
    pod["spec"][list].as_array_mut().unwrap()
}

/// The traceparents by container, of annotations.
fn own(pod: &Value) -> BTreeSet<(String, String)> {
    let annotations = pod["metadata"]["annotations"].as_object().unwrap();
    let of_container = |key: &String| Some(key.strip_suffix(".tracestamp.dev/traceparent")?.to_owned());
    annotations.iter().filter_map(|(key, id)| Some((of_container(key)?, id.as_str()?.to_owned()))).collect()
}

#[test]
fn every_container_has_its_own_traceparent_first_and_nothing_else_is_changed() {
    let (mut cluster, pod) = injected();
    let mut stamped = cluster.stamp("10:00:01", pod.clone());
    let before = own(&stamped);
    assert_eq!(before.len(), 8);
    for list in ["initContainers", "containers"] {
        for (is, was) in containers(&mut stamped, list).iter_mut().zip(pod["spec"][list].as_array().unwrap()) {
            // An envFrom may bring a TRACEPARENT of its own.
            if is["name"] != "sidecar-db" {
                let path =
                    format!("metadata.annotations['{}.tracestamp.dev/traceparent']", is["name"].as_str().unwrap());
                assert_eq!(is["env"][0]["name"], "TRACEPARENT");
                assert_eq!(is["env"][0]["valueFrom"]["fieldRef"]["fieldPath"], *path);
                let env = is["env"].as_array_mut().unwrap();
                env.retain(|variable| !variable["name"].as_str().unwrap().starts_with("TRACE"));
            }
            let nothing = is["env"].as_array().is_some_and(Vec::is_empty);
            if nothing && was["env"].is_null() {
                is.as_object_mut().unwrap().remove("env");
            }
            let mut was = was.clone();
            if was["env"].is_null() {
                was.as_object_mut().unwrap().remove("env");
            }
            assert_eq!(*is, was);
        }
    }
    // Called again for what another webhook has added.
    let mut more = cluster.stamp("10:00:01", pod);
    containers(&mut more, "containers").push(json!({"name": "telemetry-agent", "image": "registry.example/agent:1"}));
    let after = own(&cluster.stamp("10:00:01", more));
    let added: Vec<_> = after.difference(&before).map(|(name, _)| &**name).collect();
    assert_eq!((before.is_subset(&after), &added[..]), (true, &["telemetry-agent"][..]));
}
