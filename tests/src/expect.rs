//! What every test of a trace does.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;
use tokio::task::block_in_place;

use crate::jaeger::Jaeger;
use crate::otlp::OtlpTee;
use crate::scenario::Scenario;
use crate::shared::{Namespace, Shared, shared};
use crate::trace::JaegerTrace;
use crate::tracestamp::Tracestamp;

/// A scenario that was played, and the trace that came of it.
#[derive(Debug)]
pub struct Played {
    /// The trace as Jaeger returns it.
    pub trace: JaegerTrace,
    /// Its id.
    pub trace_id: String,
    /// The runs as created.
    pub runs: Vec<Value>,
    /// Where they are.
    pub namespace: Namespace,
    /// What traced them.
    pub tracestamp: Tracestamp,
}

/// Plays tests/scenarios/`scenario`.yaml under a tracestamp of its own and compares the trace with `expected` (see
/// [`JaegerTrace::outline`]); besides, times must be the objects' own, each span must have been sent once, and Jaeger
/// must find nothing to warn of. `None` where there is no cluster.
///
/// # Panics
/// When any of this is not so, with both sides in the message.
pub async fn expect_trace(scenario: &str, expected: &str) -> Option<Played> {
    expect_trace_with(scenario, &[], expected).await
}

/// The same with values in place of names in braces in the scenario.
///
/// # Panics
/// Likewise.
pub async fn expect_trace_with(scenario: &str, values: &[(&str, &str)], expected: &str) -> Option<Played> {
    expect_or_panic(scenario, values, expected, |_| Ok(())).await.map(|(played, ())| played)
}

/// The same while `act` does something that a line of the scenario cannot.
///
/// # Panics
/// Likewise, or when `act` fails.
pub async fn expect_trace_while<T: Send>(
    scenario: &str,
    expected: &str,
    act: impl FnOnce(&Namespace) -> Result<T> + Send,
) -> Option<(Played, T)> {
    expect_or_panic(scenario, &[], expected, act).await
}

#[allow(clippy::panic, reason = "called by tests alone, to fail them")]
async fn expect_or_panic<T: Send>(
    scenario: &str,
    values: &[(&str, &str)],
    expected: &str,
    act: impl FnOnce(&Namespace) -> Result<T> + Send,
) -> Option<(Played, T)> {
    let shared = shared()?;
    match played(&shared, scenario, values, expected, act).await {
        Ok(played) => Some(played),
        Err(error) => panic!("{scenario}: {error:#}"),
    }
}

async fn played<T: Send>(
    shared: &Shared,
    name: &str,
    values: &[(&str, &str)],
    expected: &str,
    act: impl FnOnce(&Namespace) -> Result<T> + Send,
) -> Result<(Played, T)> {
    let tracestamp = Tracestamp::start(shared)?;
    let (namespace, runs, acted) = block_in_place(|| -> Result<_> {
        let namespace = tracestamp.namespace(name)?;
        let scenario = Scenario::load(name)?.with("otlp", &shared.otlp_http);
        let scenario = values.iter().fold(scenario, |scenario, (name, value)| scenario.with(name, value));
        let (runs, acted) = thread::scope(|scope| {
            let acting = scope.spawn(|| act(&namespace));
            (scenario.play(&namespace), acting.join())
        });
        let acted = acted.map_err(|_| anyhow!("what was done meanwhile panicked"))??;
        Ok((namespace, runs?, acted))
    })?;
    let traceparent = runs.first().and_then(|run| run.pointer("/metadata/annotations/tracestamp.dev~1traceparent"));
    let traceparent = traceparent.and_then(Value::as_str).context("the run was not stamped")?;
    let trace_id = traceparent.split('-').nth(1).context("no traceparent")?.to_owned();
    let trace = Jaeger::new(shared)?.expect(&trace_id, expected).await?;
    let objects = namespace.kubectl.get(&["pipelineruns,taskruns,customruns"])?;
    let objects = objects.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let differences = trace.differences_from(&objects);
    ensure!(differences.is_empty(), "not as the objects tell:\n{}", differences.join("\n"));
    let warnings = trace.warnings();
    ensure!(warnings.is_empty(), "Jaeger warns:\n{}", warnings.join("\n"));
    let repeated = repeated(&tracestamp.tee, &trace_id);
    ensure!(repeated.is_empty(), "sent more than once:\n{}", repeated.join("\n"));
    Ok((Played { trace, trace_id, runs, namespace, tracestamp }, acted))
}

/// Spans of the trace that were sent more than once.
pub(crate) fn repeated(tee: &OtlpTee, trace_id: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for seen in tee.seen(trace_id) {
        *counts.entry(format!("{} {}", seen.id(), seen.span.name)).or_default() += 1;
    }
    counts.into_iter().filter(|&(_, count)| count > 1).map(|(span, count)| format!("{span}: {count} times")).collect()
}
