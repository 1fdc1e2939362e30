//! wrk, a load generator that most people know (`apt-get install wrk`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::bodies::{Bodies, Body};

/// Posts the bodies of a list one after the other and tells what became of them as JSON.
const SCRIPT: &str = r#"
local requests, next_one = {}, 0
function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, file = line:match("^(%S+) (.+)$")
    local body = io.open(file, "rb")
    requests[#requests + 1] = wrk.format("POST", path, {["content-type"] = "application/json"}, body:read("*a"))
    body:close()
  end
end
function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('\n{"requests":%d,"micros":%d,"bad":%d,"p50":%f,"p99":%f}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"#;

/// What wrk tells of one run.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    micros: u64,
    bad: u64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.micros as f64 * 1e6
    }
}

/// Bodies on disk, where wrk reads them.
#[derive(Debug)]
pub(crate) struct Load {
    script: PathBuf,
    list: PathBuf,
}

impl Load {
    pub(crate) fn prepare(directory: &Path, bodies: &Bodies) -> Result<Self> {
        Self::prepare_for(directory, bodies, Body::path)
    }

    /// The same with other paths.
    pub(crate) fn prepare_for(directory: &Path, bodies: &Bodies, path: impl Fn(&Body) -> &'static str) -> Result<Self> {
        let directory = directory.join(bodies.name.replace(' ', "-"));
        fs::create_dir_all(&directory)?;
        let mut list = String::new();
        for (number, body) in bodies.bodies.iter().enumerate() {
            let file = directory.join(format!("{number}.json"));
            fs::write(&file, &body.json)?;
            writeln!(list, "{} {}", path(body), file.display())?;
        }
        let (script, names) = (directory.join("post.lua"), directory.join("list"));
        fs::write(&script, SCRIPT)?;
        fs::write(&names, list)?;
        Ok(Self { script, list: names })
    }

    /// Posts for so many seconds over so many connections; every answer has to be good.
    pub(crate) fn post(&self, url: &str, connections: usize, seconds: u32) -> Result<Run> {
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
            .args([&self.script, &PathBuf::from(url), &PathBuf::from("--"), &self.list])
            .output()
            .context("wrk cannot be started: apt-get install wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().rfind(|line| line.starts_with('{')).with_context(|| format!("wrk said: {text}"))?;
        let run: Run = serde_json::from_str(told)?;
        ensure!(run.bad == 0 && run.requests > 0, "{url}: {} of {} requests failed", run.bad, run.requests);
        Ok(run)
    }
}
