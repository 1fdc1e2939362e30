//! Tekton's own examples, those that its module ships and its own tests run: each is played without tracestamp and, when
//! it succeeds, once more with it. It must succeed again and leave a complete trace.

mod comparison;
mod complete;

use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use jiff::SignedDuration;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::component::interrupted;
use crate::jaeger::Jaeger;
use crate::kubectl::Kubectl;
use crate::scenario::is_run;
use crate::shared::{Namespace, Shared};
use crate::tracestamp::Tracestamp;
use crate::volumes::Volumes;
use comparison::{Comparison, summarize};

/// What to run and how.
#[derive(Args, Debug)]
pub(crate) struct ExamplesArgs {
    /// Only the examples whose path contains one of these.
    names: Vec<String>,
    /// How long one example may take.
    #[arg(long, default_value = "3m")]
    limit: SignedDuration,
    /// How many run at once; they mostly wait.
    #[arg(long, default_value_t = 6)]
    jobs: usize,
}

/// More than all examples claim, twice.
const VOLUMES: usize = 80;

/// Half of what is known to succeed on this cluster: below it something else is wrong, and nothing is proven.
const EXPECTED: usize = 45;

/// Runs them, prints a table, and fails unless tracestamp changed nothing and every trace is complete.
pub(crate) fn run(shared: &Shared, args: &ExamplesArgs) -> Result<()> {
    let examples = find(&shared.tekton_module.join("examples/v1"), &args.names)?;
    let volumes = Volumes::create(shared, VOLUMES)?;
    let player = Player {
        shared,
        tracestamp: Tracestamp::start(shared)?,
        jaeger: Jaeger::new(shared)?,
        limit: args.limit.try_into()?,
        runtime: Handle::current(),
    };
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while let Some(example) = examples.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if interrupted() {
                        break;
                    }
                    let result = player.compare(example);
                    println!("{result:<60} {}", example.name);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(example.name.clone(), result);
                }
            });
        }
    });
    drop(volumes);
    if interrupted() {
        bail!("interrupted");
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    summarize(&results, begun.elapsed(), if args.names.is_empty() { EXPECTED } else { 1 })
}

struct Example {
    name: String,
    path: PathBuf,
}

/// All but `no-ci`, which Tekton's own tests leave out too.
fn find(directory: &Path, names: &[String]) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            let name = path.strip_prefix(directory)?.display().to_string();
            if path.is_dir() && !path.ends_with("no-ci") {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml")
                && (names.is_empty() || names.iter().any(|part| name.contains(part)))
            {
                examples.push(Example { name, path });
            }
        }
    }
    ensure!(!examples.is_empty(), "no such example in {}", directory.display());
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

struct Player<'a> {
    shared: &'a Shared,
    tracestamp: Tracestamp,
    jaeger: Jaeger,
    limit: Duration,
    runtime: Handle,
}

impl Player<'_> {
    fn compare(&self, example: &Example) -> Comparison {
        let without = self.shared.namespace("example", &[]).and_then(|namespace| self.play(example, &namespace));
        if let Err(error) = without {
            return Comparison::FailsWithout(start(&format!("{error:#}")));
        }
        let with = self.tracestamp.namespace("example").and_then(|namespace| {
            self.play(example, &namespace)?;
            let check = complete::check(&namespace.kubectl, &self.jaeger, &self.tracestamp.tee);
            self.runtime.block_on(check)
        });
        match with {
            Ok(complete::Found { spans, faults }) => Comparison::Same { spans, missing: faults },
            Err(error) => Comparison::FailsWith(format!("{error:#}")),
        }
    }

    /// Creates what the example says and waits until each of its runs has succeeded.
    fn play(&self, example: &Example, namespace: &Namespace) -> Result<()> {
        let created = namespace.kubectl.create(&fs::read_to_string(&example.path)?)?;
        let played = self.await_success(namespace, &created);
        // What lies in no namespace does not go with it.
        for object in created.iter().filter(|object| object.pointer("/metadata/namespace").is_none()) {
            namespace.kubectl.run_with(&["delete", "-f", "-"], &object.to_string())?;
        }
        played
    }

    fn await_success(&self, namespace: &Namespace, created: &[Value]) -> Result<()> {
        let deadline = Instant::now() + self.limit;
        let runs: Vec<_> = created.iter().filter(|object| is_run(object)).filter_map(reference).collect();
        ensure!(!runs.is_empty(), "there is no run in it");
        for run in &runs {
            // One process that watches instead of many that look: there are two cores for everything.
            let ended = ["wait", "--for=jsonpath={.status.completionTime}", "--timeout=5s", run];
            while namespace.kubectl.run(&ended).is_err() {
                ensure!(!interrupted(), "interrupted");
                if Instant::now() > deadline {
                    let (_, reason) = succeeded(&namespace.kubectl.get(&[run])?);
                    bail!("{run} has not ended after {} s: {reason}", self.limit.as_secs());
                }
            }
            let (status, reason) = succeeded(&namespace.kubectl.get(&[run])?);
            ensure!(status == "True", "{run}: {reason}{}", failed_tasks(&namespace.kubectl)?);
        }
        Ok(())
    }
}

/// What the tasks say: a PipelineRun only counts them.
fn failed_tasks(kubectl: &Kubectl) -> Result<String> {
    let list = kubectl.get(&["taskruns"])?;
    let runs = list.get("items").and_then(Value::as_array).into_iter().flatten().map(succeeded);
    let reasons = runs.filter(|(status, _)| status == "False").map(|(_, reason)| reason);
    Ok(iter::once(String::new()).chain(reasons).collect::<Vec<_>>().join("; "))
}

/// `kind/name`.
fn reference(object: &Value) -> Option<String> {
    let kind = object.get("kind")?.as_str()?;
    Some(format!("{kind}/{}", object.pointer("/metadata/name")?.as_str()?))
}

/// The status, and the reason and message, of the condition Succeeded.
fn succeeded(run: &Value) -> (String, String) {
    let condition = run.pointer("/status/conditions/0");
    let text = |key| condition.and_then(|condition| condition.get(key)).and_then(Value::as_str).unwrap_or_default();
    (text("status").to_owned(), format!("{}: {}", text("reason"), start(text("message"))))
}

/// As much as fits in a table.
fn start(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
