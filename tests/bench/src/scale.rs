//! Very many runs at once, through one webhook process and through several.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tracestamp_admission::{Entropy, Review};
use tracestamp_core::context::{SpanId, TraceId};
use tracestamp_core::span::decode;
use tracestamp_core::{Config, Timestamp};
use tracestamp_spool::peek;

use crate::bodies;
use crate::report::{Budget, Report};
use crate::target::Target;

const CLIENTS: usize = 50;
const PROCESSES: [usize; 3] = [1, 2, 4];

type Id = (TraceId, SpanId);

/// A recorded review, and where in it the run is named: there another run's number is written.
struct Template {
    path: &'static str,
    json: Vec<u8>,
    /// The first eight digits of each uid of an object of the run.
    uids: Vec<usize>,
    /// The five characters that the API server added to the run's generateName.
    suffixes: Vec<usize>,
}

pub(crate) fn measure(report: &mut Report, runs: usize) -> Result<()> {
    let templates = Arc::new(templates()?);
    let spans = (0..2).map(|run| ids(&templates, run)).collect::<Result<Vec<_>>>()?;
    let [one, other] = spans.as_slice() else { unreachable!("two were made") };
    ensure!(!one.is_empty() && one.is_disjoint(other), "two runs have spans in common");
    let mut first = None;
    for processes in PROCESSES {
        let targets = (0..processes).map(|_| Target::webhook("webhook", &["--spool-max-bytes=4Gi"]));
        let targets = Arc::new(targets.collect::<Result<Vec<_>>>()?);
        let began = Instant::now();
        let reviews = Runtime::new()?.block_on(post(&targets, &templates, runs))?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = targets.iter().map(Target::cpu).sum::<Result<Duration>>()?.as_secs_f64() / reviews as f64;
        let told = recorded(&targets, runs * one.len())?;
        ensure!(told == runs * one.len(), "{told} spans of {runs} runs of {}", one.len());
        let case = format!("{runs} runs at once, {reviews} reviews by {CLIENTS} clients, processes: {processes}");
        report.value("scale", &case, "reviews a second, the client on the same processors", [reviews as f64 / seconds]);
        report.value("scale", &case, "spans recorded, each once and none missing", [told as f64]);
        let first = *first.get_or_insert(cpu);
        report.ratio("scale", &case, "processor time a review / one process", Budget::None, [cpu / first]);
    }
    Ok(())
}

fn templates() -> Result<Vec<Template>> {
    let mix = bodies::mix()?.bodies;
    let (mut uids, mut suffix) = (BTreeSet::new(), None);
    for body in &mix {
        let review: Value = serde_json::from_str(&body.json)?;
        let field = |pointer: &str| review.pointer(pointer).and_then(Value::as_str);
        uids.extend(field("/request/object/metadata/uid").map(str::to_owned));
        if field("/request/kind/kind") == Some("PipelineRun") {
            let generated = field("/request/object/metadata/generateName").zip(field("/request/object/metadata/name"));
            suffix = suffix.or_else(|| generated.and_then(|(stem, name)| name.strip_prefix(stem).map(str::to_owned)));
        }
    }
    let suffix = suffix.filter(|suffix| suffix.len() == 5).context("no run with a generated name was recorded")?;
    let places = |json: &str, needle: &str| json.match_indices(needle).map(|(at, _)| at).collect::<Vec<_>>();
    let template = |body: bodies::Body| Template {
        path: body.path(),
        uids: uids.iter().flat_map(|uid| places(&body.json, uid)).collect(),
        suffixes: places(&body.json, &suffix),
        json: body.json.into_bytes(),
    };
    Ok(mix.into_iter().map(template).collect())
}

impl Template {
    /// The review as it would be of another run.
    fn of(&self, run: usize) -> Vec<u8> {
        let mut json = self.json.clone();
        let mut write = |places: &[usize], text: &str| {
            for &at in places {
                if let Some(place) = json.get_mut(at..at + text.len()) {
                    place.copy_from_slice(text.as_bytes());
                }
            }
        };
        write(&self.uids, &format!("{run:08x}"));
        write(&self.suffixes, &format!("{run:05x}"));
        json
    }
}

/// The ids of the spans of one run.
fn ids(templates: &[Template], run: usize) -> Result<BTreeSet<Id>> {
    let config = Config::default();
    let mut ids = BTreeSet::new();
    for template in templates.iter().filter(|template| template.path.starts_with("/observe")) {
        let body = template.of(run);
        let review = Review::parse(&body)?;
        let endpoint = tracestamp_admission::Endpoint::Observe;
        let decision = review.decide(endpoint, &config, Timestamp::from_nanos(1), Entropy([7; 20]));
        ids.extend(decision.spans.iter().map(|span| (span.context.trace_id, span.context.span_id)));
    }
    Ok(ids)
}

/// Posts every review of every run, the first of all runs first; gives how many there were.
async fn post(targets: &Arc<Vec<Target>>, templates: &Arc<Vec<Template>>, runs: usize) -> Result<usize> {
    tracestamp_runtime::install_crypto_provider();
    let clients = targets.iter().map(|target| {
        let ca = reqwest::Certificate::from_pem(&fs::read(target.room.path().join("tls.crt"))?)?;
        Ok(reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([ca]).build()?)
    });
    let clients = Arc::new(clients.collect::<Result<Vec<_>>>()?);
    let (next, all) = (Arc::new(AtomicUsize::new(0)), runs * templates.len());
    let mut workers = JoinSet::new();
    for _ in 0..CLIENTS {
        let (targets, templates, clients, next) =
            (Arc::clone(targets), Arc::clone(templates), Arc::clone(&clients), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let (review, run) = (number / runs, number % runs);
                let Some(template) = templates.get(review) else { return Ok(()) };
                let place = (review + run) % targets.len();
                let (Some(target), Some(client)) = (targets.get(place), clients.get(place)) else { return Ok(()) };
                let url = format!("{}{}", target.url, template.path);
                let answer = client.post(url).body(template.of(run)).send().await?.error_for_status()?;
                answer.bytes().await?;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        let outcome: Result<(), reqwest::Error> = worker?;
        outcome?;
    }
    Ok(all)
}

/// How many spans lie in the spools; waits for what is late and fails when one is there twice.
fn recorded(targets: &[Target], expected: usize) -> Result<usize> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (mut ids, mut records): (BTreeSet<Id>, usize) = (BTreeSet::new(), 0);
        for target in targets {
            for segment in peek(&target.room.path().join("spool"))? {
                for payload in segment? {
                    let context = decode(&payload?)?.context;
                    ids.insert((context.trace_id, context.span_id));
                    records += 1;
                }
            }
        }
        ensure!(records == ids.len(), "{records} records hold {} spans", ids.len());
        if ids.len() >= expected || Instant::now() > deadline {
            return Ok(ids.len());
        }
        sleep(Duration::from_millis(200));
    }
}
