//! Jaeger's query API: what a user sees in the end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shared::Shared;
use crate::trace::JaegerTrace;

/// How long the last span may be on its way: the kubelet reports a Pod's end a second or two after Tekton ended the
/// run, and the exporter collects for a moment.
const LIMIT: Duration = Duration::from_secs(45);

/// A client of the query API.
#[derive(Clone, Debug)]
pub struct Jaeger {
    base: String,
    client: reqwest::Client,
}

impl Jaeger {
    /// Of the cluster's Jaeger.
    pub fn new(shared: &Shared) -> Result<Self> {
        Self::at(&shared.jaeger_query)
    }

    /// Of another one.
    pub fn at(query_url: &str) -> Result<Self> {
        Ok(Self { base: query_url.to_owned(), client: reqwest::Client::builder().no_proxy().build()? })
    }

    /// The trace as it is now; `None` while Jaeger knows no span of it.
    pub async fn trace(&self, id: &str) -> Result<Option<JaegerTrace>> {
        self.answer(id).await?.as_ref().map(JaegerTrace::parse).transpose()
    }

    /// The spans of a trace as they come out of the query API, each with the process that it names, by span id: all that
    /// Jaeger says of them. Equal ids lie side by side.
    pub async fn spans(&self, id: &str) -> Result<Vec<(String, Value)>> {
        let trace = self.answer(id).await?.unwrap_or_default();
        let spans = trace.get("spans").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut spans: Vec<_> = spans
            .into_iter()
            .filter_map(|mut span| {
                // Numbered anew for each answer.
                let process = span.as_object_mut()?.remove("processID")?;
                let process = trace.get("processes")?.get(process.as_str()?)?.clone();
                span.as_object_mut()?.insert("process".to_owned(), process);
                Some((span.get("spanID")?.as_str()?.to_owned(), span))
            })
            .collect();
        spans.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(spans)
    }

    async fn answer(&self, id: &str) -> Result<Option<Value>> {
        let answer = self.client.get(format!("{}/api/traces/{id}", self.base)).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body: Value = serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?;
        Ok(Some(body.pointer("/data/0").context("Jaeger's answer has no trace")?.clone()))
    }

    /// The ids of the traces with a span of `service` that has the attribute.
    pub async fn trace_ids(&self, service: &str, key: &str, value: &str) -> Result<Vec<String>> {
        let tags = format!("%7B%22{key}%22%3A%22{value}%22%7D");
        let url = format!("{}/api/traces?service={service}&tags={tags}&limit=1000", self.base);
        let answer = self.client.get(url).send().await?.error_for_status()?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let traces = body.get("data").and_then(Value::as_array).context("Jaeger's answer has no traces")?;
        Ok(traces.iter().filter_map(|trace| Some(trace.get("traceID")?.as_str()?.to_owned())).collect())
    }

    /// Waits until the trace's outline is `expected`. Fails with both when it does not become so, or does not stay so.
    pub async fn expect(&self, id: &str, expected: &str) -> Result<JaegerTrace> {
        let expected = unindent(expected);
        let deadline = Instant::now() + LIMIT;
        loop {
            let trace = self.trace(id).await?;
            let outline = trace.as_ref().map(JaegerTrace::outline).unwrap_or_default();
            if outline == expected {
                // What comes too much comes later.
                tokio::time::sleep(Duration::from_secs(3)).await;
                let trace = self.trace(id).await?.context("the trace is gone")?;
                if trace.outline() == expected {
                    return Ok(trace);
                }
                bail!("more came later. Expected:\n{expected}\nJaeger has:\n{}", trace.outline());
            }
            if Instant::now() > deadline {
                bail!("trace {id}. Expected:\n{expected}\nJaeger has:\n{outline}");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Without empty lines and without the indentation of the first.
fn unindent(text: &str) -> String {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).peekable();
    let indent = lines.peek().map_or(0, |line| line.len() - line.trim_start().len());
    lines.fold(String::new(), |text, line| text + line.get(indent..).unwrap_or_default() + "\n")
}
