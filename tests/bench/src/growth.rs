//! How the time of a decision grows with what users make large: annotations, containers, whole objects up to the largest
//! review that is read.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::bodies::{self, Body};
use crate::decision::seconds;
use crate::report::{Budget, Report};

const FEW: usize = 10;

pub(crate) fn measure(report: &mut Report, rounds: usize) -> Result<()> {
    type Grow = fn(&mut Value, usize) -> Option<()>;
    let growths: [(&str, &str, usize, Grow); 3] = [
        ("annotations of a Pod", "Pod create", 1000, annotations),
        ("containers of a Pod", "Pod update", 1000, containers),
        // Of the old object and the new: as large as a review becomes.
        ("KiB of a TaskRun's results", "TaskRun update", 3000, results),
    ];
    let sorts = bodies::all()?;
    for (what, sort, most, grow) in growths {
        let body = sorts.iter().find(|bodies| bodies.name == sort).and_then(|bodies| bodies.bodies.first());
        let body = body.context("not recorded")?;
        let (few, many) = (grown(body, FEW, grow)?, grown(body, most, grow)?);
        let bytes = many.json.len() as f64 / few.json.len() as f64;
        // Were it linear in the bytes, this would be 1.
        let ratios = (0..rounds).map(|_| seconds(&many) / seconds(&few) / bytes);
        let case = format!("{what}: from {FEW} to {most}");
        report.ratio("growth", &case, "growth of the time / of the bytes", Budget::AtMost(1.25), ratios);
    }
    Ok(())
}

fn grown(body: &Body, size: usize, grow: fn(&mut Value, usize) -> Option<()>) -> Result<Body> {
    let mut review: Value = serde_json::from_str(&body.json)?;
    for object in ["/request/object", "/request/oldObject"] {
        if let Some(object) = review.pointer_mut(object).filter(|object| object.is_object()) {
            grow(object, size).context("the recorded object is another")?;
        }
    }
    Ok(Body { endpoint: body.endpoint, json: review.to_string() })
}

fn annotations(object: &mut Value, number: usize) -> Option<()> {
    let annotations = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
    annotations.extend((0..number).map(|n| (format!("example.com/annotation-{n}"), json!("a value of some length"))));
    Some(())
}

fn containers(object: &mut Value, number: usize) -> Option<()> {
    // Beyond 256 they are not looked at any more, but read.
    for list in ["/spec/containers", "/status/containerStatuses"] {
        let list = object.pointer_mut(list)?.as_array_mut()?;
        let template = list.first()?.clone();
        for n in 0..number {
            let mut one = template.clone();
            one.as_object_mut()?.insert("name".to_owned(), format!("step-{n}").into());
            list.push(one);
        }
    }
    Some(())
}

fn results(object: &mut Value, kib: usize) -> Option<()> {
    let results: Vec<_> = (0..kib).map(|n| json!({"name": format!("r{n}"), "value": "x".repeat(1000)})).collect();
    object.pointer_mut("/status")?.as_object_mut()?.insert("results".to_owned(), results.into());
    Some(())
}
