//! Whoever may create runs in one namespace writes the contexts of another's runs on them, in every place there is. The
//! other's spans stay as they are, and nothing is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::block_in_place;
use tracestamp_tests::{Jaeger, JaegerTrace, Kubectl, Namespace, Tracestamp, poll, shared};

const LIMIT: Duration = Duration::from_mins(3);
const PIPELINE_RUN_CARRIER: &str = "tekton.dev/pipelinerunSpanContext";

#[tokio::test(flavor = "multi_thread")]
async fn forgery_before_and_after_create_changes_no_span_of_another_namespace() {
    let Some(shared) = shared() else { return };
    let jaeger = Jaeger::new(&shared).unwrap();
    // One each: an exporter drops a second span of an id, and would hide a forged one that came later.
    let mut victims = Tracestamp::start(&shared).unwrap();
    let mut attackers = Tracestamp::start(&shared).unwrap();
    let theirs = victims.namespace("victim").unwrap();
    let ours = attackers.namespace("attacker").unwrap();
    let past = block_in_place(|| {
        let past = run_of(&theirs, "past", "true");
        await_end(&theirs.kubectl, &past);
        Family::of(&theirs.kubectl, &past)
    });
    let ended = "
        pipeline_run RUN build
          task_run compile
            pod pod
              init_container prepare
            step only
        ";
    jaeger.expect(&past.trace_id, ended).await.unwrap();
    let before = jaeger.spans(&past.trace_id).await.unwrap();

    let live = block_in_place(|| {
        let live = run_of(&theirs, "live", "sleep 600");
        await_running(&theirs.kubectl, &live);
        let live = Family::of(&theirs.kubectl, &live);
        for victim in [&past, &live] {
            attack(&ours, victim);
        }
        // The victim ends when the forged spans are on their way already.
        cancel(&theirs.kubectl, "live");
        await_end(&theirs.kubectl, "live");
        live
    });

    let cancelled = "
        pipeline_run RUN build [Cancelled, cancellation]
          task_run compile [TaskRunCancelled, cancellation]
            pod pod [deleted, cancellation]
              init_container prepare
            step only [deleted, cancellation]
        ";
    expect_own(&jaeger, &live.trace_id, &theirs.name, cancelled).await;
    let metrics = attackers.metrics().unwrap();
    for note in ["copied", "foreign_context", "tracestate_dropped", "links_dropped"] {
        let note = format!("note=\"{note}\"");
        assert!(metrics.sum("tracestamp_notes_total", &[&note]) > 0, "{note} is not counted");
    }
    for counter in ["tracestamp_panics_total", "tracestamp_bad_requests_total", "tracestamp_spans_dropped_total"] {
        assert_eq!(metrics.sum(counter, &[]), 0, "{counter}");
    }
    block_in_place(|| [&mut victims, &mut attackers].map(|tracestamp| tracestamp.finish().unwrap()));

    let own: BTreeMap<_, _> = victims.tee.all().into_iter().map(|sent| (sent.id(), sent)).collect();
    assert_eq!(own.len(), victims.tee.all().len(), "a span of the victim was sent twice");
    assert!(own.values().all(|sent| sent.namespace() == theirs.name), "a span of another in the victim's stream");
    let known: BTreeSet<&String> = own.keys().chain(&past.ids).chain(&live.ids).collect();
    let forged = attackers.tee.all();
    assert!(!forged.is_empty(), "the attacker sent nothing");
    for sent in &forged {
        assert!(!known.contains(&sent.id()), "a span of the attacker has an id of the victim's: {sent:?}");
        assert_eq!(sent.namespace(), ours.name);
    }
    // Else nothing was attacked: in the mode `join` a carrier, whoever's it is, makes a run part of that trace.
    for victim in [&past, &live] {
        assert!(forged.iter().any(|sent| sent.trace_id() == victim.trace_id), "no forged span is in the trace");
    }
    let after = jaeger.spans(&past.trace_id).await.unwrap();
    let after: Vec<_> = after.into_iter().filter(|(id, _)| known.contains(id)).collect();
    assert_eq!(format!("{before:#?}"), format!("{after:#?}"), "the spans of a run that had ended are others now");
}

/// Waits for what Jaeger has of one namespace in a trace that others may have joined.
async fn expect_own(jaeger: &Jaeger, trace_id: &str, namespace: &str, expected: &str) {
    let expected: Vec<_> = expected.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let indent = expected[0].len() - expected[0].trim_start().len();
    let expected = expected.iter().map(|line| &line[indent..]).collect::<Vec<_>>().join("\n");
    let mut outline = String::new();
    for _ in 0..100 {
        let trace = jaeger.trace(trace_id).await.unwrap();
        let spans = trace.into_iter().flat_map(|trace| trace.spans);
        let spans = spans.filter(|span| span.tag("k8s.namespace.name") == namespace).collect();
        outline = JaegerTrace { spans }.outline();
        if outline.trim_end() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("of {namespace} Jaeger has:\n{outline}\nexpected:\n{expected}");
}

/// What anybody can read off a run, its task run and its Pod.
struct Family {
    run: Map<String, Value>,
    task_run: Map<String, Value>,
    pod: Map<String, Value>,
    name: String,
    uid: String,
    trace_id: String,
    /// Every span id in any of it.
    ids: BTreeSet<String>,
}

impl Family {
    fn of(kubectl: &Kubectl, name: &str) -> Self {
        let object = |kind: &str| {
            let selector = format!("tekton.dev/pipelineRun={name}");
            let list = kubectl.get(&[kind, "--selector", &selector]).unwrap();
            list["items"][0].clone()
        };
        let run = kubectl.get(&["pipelinerun", name]).unwrap();
        let [run_context, task_run, pod] = [&run, &object("taskruns"), &object("pods")].map(contexts);
        let traceparent = run_context["tracestamp.dev/traceparent"].as_str().unwrap();
        let trace_id = traceparent.split('-').nth(1).unwrap().to_owned();
        let all = [&run_context, &task_run, &pod];
        let values = all.iter().flat_map(|annotations| annotations.values()).filter_map(Value::as_str);
        let parents = values.filter_map(|value| value.split_once(&*trace_id)?.1.get(1..17).map(str::to_owned));
        let ids = parents.collect();
        let uid = run["metadata"]["uid"].as_str().unwrap().to_owned();
        Self { run: run_context, task_run, pod, name: name.to_owned(), uid, trace_id, ids }
    }

    /// All of it at once: where the run's and the Pod's differ, the later wins.
    fn all(&self) -> Map<String, Value> {
        let all = [&self.run, &self.task_run, &self.pod];
        all.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// The annotations of an object that are about its context.
fn contexts(object: &Value) -> Map<String, Value> {
    let annotations = object["metadata"]["annotations"].as_object().unwrap().iter();
    let ours = annotations.filter(|(key, _)| key.contains("tracestamp.dev/") || key.ends_with("SpanContext"));
    ours.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn with(annotations: &Map<String, Value>, key: &str, value: &str) -> Map<String, Value> {
    annotations
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain([(key.to_owned(), value.into())])
        .collect()
}

/// Every place in which one can write, each in a run of its own that must come to a good end.
fn attack(namespace: &Namespace, victim: &Family) {
    let kubectl = &namespace.kubectl;
    let tracestate = format!("a={}", "x".repeat(200 * 1024));
    let link = format!("00-{}-{}-01", victim.trace_id, victim.ids.first().unwrap());
    let links = vec![link; 4000].join(",");
    let traceparent = victim.task_run["tracestamp.dev/traceparent"].as_str().unwrap();
    let only = |key: &str, value: &str| with(&Map::new(), key, value);
    let carrier = victim.run[PIPELINE_RUN_CARRIER].as_str().unwrap();
    let created = [
        victim.run.clone(),
        victim.all(),
        only(PIPELINE_RUN_CARRIER, carrier),
        only("traceparent", traceparent),
        with(&only("traceparent", traceparent), "tracestate", &tracestate),
        with(&victim.run, "tracestamp.dev/tracestate", &tracestate),
        with(&victim.run, "tracestamp.dev/links", &links),
    ];
    let mut runs: Vec<String> = created.iter().map(|annotations| create(kubectl, &run(annotations))).collect();

    // By way of the task run's and the Pod's own metadata.
    for annotations in [victim.task_run.clone(), victim.all(), with(&victim.pod, "tracestamp.dev/links", &links)] {
        let mut forged = run(&Map::new());
        forged["spec"]["taskRunSpecs"] =
            json!([{"pipelineTaskName": "compile", "metadata": {"annotations": annotations}}]);
        runs.push(create(kubectl, &forged));
    }

    // After CREATE, before there is a task run: Tekton hands on what it finds. The last two keep their own context.
    for annotations in [
        victim.run.clone(),
        with(&victim.run, "tracestamp.dev/tracestate", &tracestate),
        with(&victim.run, "tracestamp.dev/links", &links),
        only("tracestamp.dev/tracestate", &tracestate),
        only("tracestamp.dev/links", &links),
    ] {
        let mut forged = run(&Map::new());
        forged["spec"]["status"] = "PipelineRunPending".into();
        let name = create(kubectl, &forged);
        annotate(kubectl, "pipelinerun", &name, &annotations);
        let start = r#"[{"op": "remove", "path": "/spec/status"}]"#;
        kubectl.run(&["patch", "pipelinerun", &name, "--type=json", "--patch", start]).unwrap();
        runs.push(name);
    }

    // After CREATE, on all that there is, while it runs.
    let mut forged = run(&Map::new());
    forged["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"]["steps"][0]["script"] = "sleep 10".into();
    let name = create(kubectl, &forged);
    await_running(kubectl, &name);
    let selector = format!("tekton.dev/pipelineRun={name}");
    for (kind, annotations) in [("pod", &victim.pod), ("taskrun", &victim.task_run), ("pipelinerun", &victim.run)] {
        let names = match kind {
            "pipelinerun" => name.clone(),
            _ => kubectl
                .run(&["get", kind, "--selector", &selector, "-o", "jsonpath={.items[*].metadata.name}"])
                .unwrap(),
        };
        annotate(kubectl, kind, &names, annotations);
    }
    runs.push(name);

    for name in &runs {
        await_end(kubectl, name);
        let column = r#"jsonpath={.status.conditions[?(@.type=="Succeeded")].status}"#;
        assert_eq!(kubectl.run(&["get", "pipelinerun", name, "-o", column]).unwrap(), "True", "{name}");
    }

    // A task run that says it is the victim's child; the garbage collector takes it away.
    let mut child = json!({
        "apiVersion": "tekton.dev/v1", "kind": "TaskRun",
        "metadata": {
            "generateName": format!("{}-compile-", victim.name),
            "labels": {"tekton.dev/pipelineRun": victim.name, "tekton.dev/pipelineRunUID": victim.uid},
            "annotations": victim.task_run,
        },
        "spec": {"taskSpec": task(&json!("true"))},
    });
    child["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": victim.name, "uid": victim.uid, "controller": true,
    }]);
    kubectl.create(&child.to_string()).unwrap();
    poll("the end of the task run without an owner", LIMIT, || {
        let selector = format!("tekton.dev/pipelineRunUID={}", victim.uid);
        let children = kubectl.run(&["get", "taskruns,pods", "--selector", &selector, "-o", "name"])?;
        Ok(children.is_empty().then_some(()))
    })
    .unwrap();
}

/// A run that is in everything but its namespace as the victim's.
fn run(annotations: &Map<String, Value>) -> Value {
    json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"generateName": "build-", "annotations": annotations},
        "spec": {"pipelineSpec": {"tasks": [{"name": "compile", "taskSpec": task(&json!("true"))}]}},
    })
}

fn task(script: &Value) -> Value {
    json!({"steps": [{"name": "only", "image": "test.local/busybox:1", "script": script}]})
}

/// The victim's.
fn run_of(namespace: &Namespace, name: &str, command: &str) -> String {
    let mut run = run(&Map::new());
    run["metadata"]["name"] = name.into();
    let step = &mut run["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"]["steps"][0];
    step.as_object_mut().unwrap().remove("script");
    step["command"] = command.split(' ').collect();
    create(&namespace.kubectl, &run)
}

fn create(kubectl: &Kubectl, run: &Value) -> String {
    let created = kubectl.create(&run.to_string()).unwrap();
    created[0]["metadata"]["name"].as_str().unwrap().to_owned()
}

/// `kubectl annotate --overwrite`; by a patch where a value is longer than an argument may be.
fn annotate(kubectl: &Kubectl, kind: &str, name: &str, annotations: &Map<String, Value>) {
    if annotations.values().all(|value| value.as_str().is_some_and(|value| value.len() < 1000)) {
        let annotations: Vec<_> =
            annotations.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
        let annotations: Vec<_> = annotations.iter().map(String::as_str).collect();
        kubectl.run(&[&["annotate", "--overwrite", kind, name], &annotations[..]].concat()).unwrap();
        return;
    }
    let patch = json!({"metadata": {"annotations": annotations}}).to_string();
    let from_input = ["--type=merge", "--patch-file=/dev/stdin"];
    kubectl.run_with(&[&["patch", kind, name], &from_input[..]].concat(), &patch).unwrap();
}

fn cancel(kubectl: &Kubectl, name: &str) {
    let patch = r#"{"spec": {"status": "Cancelled"}}"#;
    kubectl.run(&["patch", "pipelinerun", name, "--type=merge", "--patch", patch]).unwrap();
}

fn await_running(kubectl: &Kubectl, run: &str) {
    let selector = format!("--selector=tekton.dev/pipelineRun={run}");
    let column = "jsonpath={.items[*].status.containerStatuses[*].state.running}";
    poll("a running step", LIMIT, || {
        Ok((!kubectl.run(&["get", "pods", &selector, "-o", column])?.is_empty()).then_some(()))
    })
    .unwrap();
}

/// Until the run has ended, and the kubelet has told of its Pods.
fn await_end(kubectl: &Kubectl, run: &str) {
    let selector = format!("--selector=tekton.dev/pipelineRun={run}");
    poll(&format!("the end of {run}"), LIMIT, || {
        let ended = kubectl.run(&["get", "pipelinerun", run, "-o", "jsonpath={.status.completionTime}"])?;
        let phases = kubectl.run(&["get", "pods", &selector, "-o", "jsonpath={.items[*].status.phase}"])?;
        let over = phases.split(' ').all(|phase| matches!(phase, "" | "Succeeded" | "Failed"));
        Ok((!ended.is_empty() && over).then_some(()))
    })
    .unwrap();
}
