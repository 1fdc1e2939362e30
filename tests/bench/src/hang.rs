//! What the API server does not send, and what it costs when one of two replicas hangs.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::runtime::Runtime;
use tracestamp_tests::{Namespace, Scenario, Service, Shared, poll};

use crate::report::{Budget, Report};

/// Runs side by side while an unrelated Pod starts: each of their Pods' updates may meet the replica that hangs.
const RUNS: usize = 4;

pub(crate) fn measure(report: &mut Report, shared: &Shared, rounds: usize) -> Result<()> {
    let runtime = Runtime::new()?;
    let _entered = runtime.enter();
    let service = Service::start(shared)?;
    let (traced, other) = (service.namespace("hang")?, shared.namespace("unrelated", &[])?);
    spared(report, shared, &traced)?;

    let [hanging, _] = &service.replicas;
    let mut ratios = (Vec::new(), Vec::new());
    for _ in 0..rounds.min(4) {
        let (ready, run) = start(&traced, &other)?;
        let frozen = hanging.freeze()?;
        let hung = start(&traced, &other);
        drop(frozen);
        let (late, long) = hung?;
        ratios.0.push(late / ready);
        ratios.1.push(long / run);
    }
    let case = format!("{RUNS} runs, one of two replicas stopped");
    report.ratio("hang", &case, "time until an unrelated Pod is ready / both alive", Budget::None, ratios.0);
    report.ratio("hang", &case, "duration of the runs / both alive", Budget::None, ratios.1);
    Ok(())
}

/// The share of updates that the matchConditions keep from the webhook, of a run of three tasks.
fn spared(report: &mut Report, shared: &Shared, traced: &Namespace) -> Result<()> {
    let count = || -> Result<[u64; 2]> {
        let of = |name| shared.kubectl.api_server_metric(name, &["tracestamp"]);
        Ok([
            of("apiserver_admission_match_condition_exclusions_total")?,
            of("apiserver_admission_webhook_request_total")?,
        ])
    };
    let [excluded, sent] = count()?;
    Scenario::load("success")?.play(traced)?;
    let [excluded, sent] = count().map(|[all, calls]| [all - excluded, calls - sent])?;
    let share = excluded as f64 / (excluded + sent) as f64;
    report.value("API server", "a run of three tasks", "calls", [sent as f64]);
    report.value("API server", "a run of three tasks", "share of calls that matchConditions spare", [share]);
    Ok(())
}

/// Seconds until an unrelated Pod is ready while runs start, and until the runs have ended, which none may fail.
fn start(traced: &Namespace, other: &Namespace) -> Result<(f64, f64)> {
    thread::scope(|threads| {
        let runs: Vec<_> = (0..RUNS)
            .map(|_| {
                threads.spawn(|| {
                    let began = Instant::now();
                    Scenario::load("taskrun")?.play(traced).map(|_| began.elapsed())
                })
            })
            .collect();
        // They are on their way to the kubelet by then.
        thread::sleep(Duration::from_secs(2));
        let ready = ready(other)?;
        let mut longest = 0.0_f64;
        for run in runs {
            let took = run.join().map_err(|_| anyhow::anyhow!("a run panicked"))??;
            longest = longest.max(took.as_secs_f64());
        }
        let conditions = r#"jsonpath={.items[*].status.conditions[?(@.type=="Succeeded")].status}"#;
        let ended = traced.kubectl.run(&["get", "taskruns", "-o", conditions])?;
        ensure!(ended.split(' ').all(|status| status == "True"), "a run failed: {ended}");
        Ok((ready, longest))
    })
}

fn ready(namespace: &Namespace) -> Result<f64> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "unrelated"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "one", "image": "test.local/busybox:1", "command": ["sleep", "600"]}],
        },
    });
    let began = Instant::now();
    namespace.kubectl.create(&pod.to_string())?;
    let condition = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    poll("the unrelated Pod ready", Duration::from_mins(2), || {
        let status = namespace.kubectl.run(&["get", "pod", "unrelated", "-o", condition])?;
        Ok((status == "True").then_some(()))
    })?;
    let took = began.elapsed().as_secs_f64();
    namespace.kubectl.run(&["delete", "pod", "unrelated", "--wait=true"])?;
    Ok(took)
}
