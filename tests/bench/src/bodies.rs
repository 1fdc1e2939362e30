//! Real reviews, out of the recordings that the command brings along.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tracestamp::recording::Recording;
use tracestamp_admission::Endpoint;

/// One review as the API server posts it.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) endpoint: Endpoint,
    pub(crate) json: String,
}

/// Reviews of one sort.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    pub(crate) name: &'static str,
    pub(crate) bodies: Vec<Body>,
}

impl Body {
    pub(crate) fn path(&self) -> &'static str {
        match self.endpoint {
            Endpoint::Stamp => "/stamp?timeout=10s",
            Endpoint::Observe => "/observe?timeout=10s",
        }
    }
}

/// All reviews of a run of three tasks, as they came.
pub(crate) fn mix() -> Result<Bodies> {
    let bodies = Recording::open("success")?
        .map(|review| review.map(|review| Body { endpoint: review.endpoint, json: review.body.get().to_owned() }))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Bodies { name: "mix", bodies })
}

/// The mix, and of each sort of review that counts the one of middle length.
pub(crate) fn all() -> Result<Vec<Bodies>> {
    let mix = mix()?;
    let mut all = Vec::new();
    for (name, kind, operation, endpoint) in [
        ("TaskRun update", "TaskRun", "UPDATE", Endpoint::Observe),
        ("Pod update", "Pod", "UPDATE", Endpoint::Observe),
        ("Pod create", "Pod", "CREATE", Endpoint::Stamp),
        ("TaskRun create", "TaskRun", "CREATE", Endpoint::Stamp),
        ("PipelineRun create", "PipelineRun", "CREATE", Endpoint::Stamp),
    ] {
        let mut found = Vec::new();
        for body in mix.bodies.iter().filter(|body| body.endpoint == endpoint) {
            let review: Value = serde_json::from_str(&body.json)?;
            let field = |pointer: &str| review.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let tekton = review.to_string().contains("tekton.dev/taskRun") || kind != "Pod";
            if field("/request/kind/kind") == kind && field("/request/operation") == operation && tekton {
                found.push(body.clone());
            }
        }
        found.sort_by_key(|body| body.json.len());
        let middle = found.get(found.len() / 2).with_context(|| format!("no {name} was recorded"))?.clone();
        all.push(Bodies { name, bodies: vec![middle] });
    }
    all.push(mix);
    Ok(all)
}
