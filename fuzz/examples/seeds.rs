//! Writes the seeds of the fuzz targets out of the recordings of real traffic: for each thing that can be decided the
//! smallest review that leads there, and what such reviews hold and give (messages, records, frames).
//!
//! ```text
//! cargo run --manifest-path fuzz/Cargo.toml --example seeds
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tracestamp_admission::{Decision, Endpoint, Entropy, Review};
use tracestamp_core::{Config, Timestamp, span};
use tracestamp_spool::{Limits, Writer};

/// The magic and version that a segment begins with.
const SEGMENT_HEADER_LEN: usize = 8;

#[derive(Deserialize)]
struct Line {
    received_unix_nano: u64,
    review: Value,
}

#[derive(Default)]
struct Seeds {
    reviews: BTreeMap<String, Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
    messages: BTreeMap<String, Vec<u8>>,
}

/// Keeps the smallest of its name.
fn keep(seeds: &mut BTreeMap<String, Vec<u8>>, name: String, bytes: Vec<u8>) {
    let seed = seeds.entry(name).or_insert_with(|| bytes.clone());
    if bytes.len() < seed.len() {
        *seed = bytes;
    }
}

impl Seeds {
    fn line(&mut self, mut line: Line) -> Result<(), Box<dyn Error>> {
        for object in ["/request/object", "/request/oldObject"] {
            let Some(object) = line.review.pointer_mut(object) else { continue };
            if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                // Half of the bytes, and nobody reads them.
                metadata.remove("managedFields");
            }
            self.messages(object);
        }
        let sub_resource = line.review["request"]["subResource"].as_str().unwrap_or("whole").to_owned();
        let body = serde_json::to_vec(&line.review)?;
        let review = Review::parse(&body)?;
        let config = Config { pod_events: true, ..Config::default() };
        let decide = |endpoint| {
            review.decide(endpoint, &config, Timestamp::from_nanos(line.received_unix_nano), Entropy([1; 20]))
        };
        let (stamp, observe) = (decide(Endpoint::Stamp), decide(Endpoint::Observe));
        for record in &observe.spans {
            keep(&mut self.records, record.span_type.clone().into_owned(), span::encode(record, Vec::new())?);
        }
        if let Some(event) = &observe.pod_event {
            let told = format!("{:?}", event.tells);
            let told = told.split([' ', '{']).next().unwrap_or_default();
            let name = format!("event-{}-{told}", event.reason).to_lowercase();
            keep(&mut self.reviews, name, body.clone());
        }
        keep(&mut self.reviews, name(&sub_resource, &stamp, &observe), body.clone());
        Ok(())
    }

    fn messages(&mut self, object: &Value) {
        let containers = object["status"]["containerStatuses"].as_array().into_iter().flatten();
        for message in containers.filter_map(|container| container["state"]["terminated"]["message"].as_str()) {
            let entries: Vec<Value> = serde_json::from_str(message).unwrap_or_default();
            let mut keys: Vec<_> = entries.iter().filter_map(|entry| entry["key"].as_str()).collect();
            keys.sort_unstable();
            keep(&mut self.messages, format!("seen-{}", keys.join("-")).to_lowercase(), message.as_bytes().to_vec());
        }
    }

    fn write(self, root: &Path) -> Result<(), Box<dyn Error>> {
        let spool = tempfile::tempdir()?;
        let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
        Writer::open(spool.path(), limits)?.append(&self.records.values().collect::<Vec<_>>())?;
        let frames = |path: PathBuf| Ok::<_, Box<dyn Error>>(fs::read(path)?.split_off(SEGMENT_HEADER_LEN));
        let segments = fs::read_dir(spool.path())?.filter_map(Result::ok).map(|entry| entry.path());
        let segments = segments.filter(|path| path.extension().is_some_and(|extension| extension == "seg"));
        let frames = segments.map(frames).collect::<Result<Vec<_>, _>>()?;
        let frames = frames.into_iter().enumerate().map(|(at, bytes)| (format!("segment-{at}"), bytes)).collect();
        for (target, seeds) in
            [("review", self.reviews), ("record", self.records), ("termination", self.messages), ("frame", frames)]
        {
            let directory = root.join(target);
            fs::create_dir_all(&directory)?;
            for (name, bytes) in seeds {
                fs::write(directory.join(name), bytes)?;
            }
        }
        Ok(())
    }
}

/// Reviews of one name go the same way through the decision.
fn name(sub_resource: &str, stamp: &Decision<'_>, observe: &Decision<'_>) -> String {
    let outcome = if stamp.patch.is_some() { stamp.outcome } else { observe.outcome };
    let mut told: Vec<_> = observe.spans.iter().map(|span| &*span.span_type).collect();
    told.sort_unstable();
    told.dedup();
    let parts = [observe.kind, observe.operation, sub_resource, outcome.as_str()];
    parts.into_iter().chain(told).collect::<Vec<_>>().join("-").to_lowercase()
}

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Seeds::default();
    for recording in fs::read_dir(fuzz.join("../crates/tracestamp/recordings"))? {
        let path = recording?.path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            for line in String::from_utf8(zstd::decode_all(fs::File::open(path)?)?)?.lines() {
                seeds.line(serde_json::from_str(line)?)?;
            }
        }
    }
    seeds.write(&fuzz.join("seeds"))
}
