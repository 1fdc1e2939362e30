//! What the API server's clients feel: the same writes with no webhook, with tracestamp, and with one that only allows.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tracestamp_tests::{Namespace, Shared, StandIn, Tracestamp};

use crate::report::{Budget, Report};
use crate::statistics::Spread;
use crate::target::Target;
use crate::tekton;

const CLIENTS: [usize; 3] = [1, 10, 50];

/// A write that is measured.
#[derive(Clone, Copy)]
struct Write {
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    object: fn() -> Value,
    /// A change of the status instead of the creation.
    status: Option<fn() -> Value>,
}

const WRITES: [Write; 4] = [
    Write {
        name: "PipelineRun create",
        group: "tekton.dev",
        version: "v1",
        kind: "PipelineRun",
        // Pending: nothing is started for it.
        object: || json!({"spec": {"status": "PipelineRunPending", "pipelineRef": {"name": "none"}}}),
        status: None,
    },
    Write {
        name: "TaskRun create",
        group: "tekton.dev",
        version: "v1",
        kind: "TaskRun",
        // Gone before Tekton goes on.
        object: || json!({"spec": {"taskRef": {"name": "none"}}}),
        status: None,
    },
    Write {
        name: "Pod create",
        group: "",
        version: "v1",
        kind: "Pod",
        // No scheduler looks at it.
        object: || {
            json!({
                "metadata": {"labels": {"tekton.dev/taskRun": "none", "app.kubernetes.io/managed-by": "tekton-pipelines"}},
                "spec": {"schedulerName": "none", "containers": [{"name": "step-one", "image": "none"}]},
            })
        },
        status: None,
    },
    Write {
        name: "CustomRun status",
        group: "tekton.dev",
        version: "v1beta1",
        kind: "CustomRun",
        // No controller answers for it.
        object: || json!({"spec": {"customRef": {"apiVersion": "bench.tracestamp.dev/v1", "kind": "Nothing"}}}),
        status: Some(|| {
            json!({"status": {
                "startTime": "2026-11-21T00:00:00Z", "completionTime": "2026-11-21T00:00:09Z",
                "conditions": [{
                "type": "Succeeded", "status": "True", "reason": "Done", "lastTransitionTime": "2026-11-21T00:00:09Z",
            }],
            }})
        }),
    },
];

pub(crate) fn measure(report: &mut Report, shared: &Shared, rounds: usize, writes: usize) -> Result<()> {
    let runtime = Runtime::new()?;
    let _entered = runtime.enter();
    // It would look at every run that is made, now or while the next one is measured.
    let _frozen = Frozen::process(tekton::process("controller")?)?;
    let mut tracestamp = Tracestamp::start(shared)?;
    // In a cluster it works on another machine than the API server; the spool is large enough for all of this.
    tracestamp.take_exporter()?.kill();
    let floor = Target::floor_with("allow", TempDir::new()?, &[shared.certificate.clone(), shared.key.clone()])?;
    let stand_in = StandIn::register(shared, floor.port())?;
    let namespaces = [tracestamp.namespace("bench")?, stand_in.namespace("bench")?, shared.namespace("bench", &[])?];
    let client = runtime.block_on(client(shared))?;
    for (write, clients) in WRITES.iter().flat_map(|write| CLIENTS.map(|clients| (*write, clients))) {
        let rounds = (0..rounds).map(|_| {
            let latency =
                |namespace: &Namespace| runtime.block_on(latencies(&client, &namespace.name, write, clients, writes));
            let [tracestamp, allows, nothing] = &namespaces;
            Ok([latency(tracestamp)?, latency(allows)?, latency(nothing)?])
        });
        let rounds = rounds.collect::<Result<Vec<_>>>()?;
        let case = format!("{}, {clients} clients", write.name);
        for (place, other, budget) in
            [(1, "a webhook that only allows", Budget::AtMost(1.1)), (2, "no webhook", Budget::None)]
        {
            let ratios = rounds.iter().filter_map(|round| Some(round.first()? / round.get(place)?));
            report.ratio("API server", &case, &format!("median latency / {other}"), budget, ratios);
        }
        let own = rounds.iter().filter_map(|round| round.first()).copied();
        report.value("API server", &case, "median latency with tracestamp, ms", own);
    }
    Ok(())
}

/// A process that is stopped for a while.
struct Frozen(Pid);

impl Frozen {
    fn process(process: u32) -> Result<Self> {
        let process = i32::try_from(process).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(process, Signal::STOP)?;
        Ok(Self(process))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

async fn client(shared: &Shared) -> Result<Client> {
    tracestamp_runtime::install_crypto_provider();
    let kubeconfig = Kubeconfig::read_from(shared.kubectl.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Client::try_from(config).context("no client of the API server")
}

/// The median of the time that a write takes, in milliseconds.
async fn latencies(client: &Client, namespace: &str, write: Write, clients: usize, writes: usize) -> Result<f64> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(write.group, write.version, write.kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(one_client(api.clone(), write, writes.div_ceil(clients)));
    }
    let mut all = Vec::new();
    while let Some(times) = tasks.join_next().await {
        all.extend(times??);
    }
    // What is left there would make the next write another one.
    api.delete_collection(&kube::api::DeleteParams::background().grace_period(0), &kube::api::ListParams::default())
        .await?;
    Spread::of(all.iter().map(|time: &Duration| time.as_secs_f64() * 1e3))
        .map(|spread| spread.median)
        .context("nothing was written")
}

async fn one_client(api: Api<DynamicObject>, write: Write, writes: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(writes);
    for _ in 0..writes {
        let mut object = (write.object)();
        put(
            &mut object,
            "apiVersion",
            if write.group.is_empty() {
                write.version.to_owned()
            } else {
                format!("{}/{}", write.group, write.version)
            },
        );
        put(&mut object, "kind", write.kind.to_owned());
        let metadata = object.as_object_mut().map(|object| object.entry("metadata").or_insert_with(|| json!({})));
        put(metadata.context("no object")?, "generateName", "bench-".to_owned());
        let object: DynamicObject = serde_json::from_value(object)?;
        let began = Instant::now();
        let made = api.create(&PostParams::default(), &object).await?;
        let mut time = began.elapsed();
        if let Some(status) = write.status {
            let name = made.metadata.name.context("no name")?;
            let began = Instant::now();
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status())).await?;
            time = began.elapsed();
        }
        times.push(time);
    }
    Ok(times)
}

fn put(object: &mut Value, key: &str, value: String) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value.into());
    }
}
