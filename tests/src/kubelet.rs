//! The node's kubelet with another configuration, for a time.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};

use crate::component::Component;
use crate::port;
use crate::shared::Shared;

/// A kubelet that has taken the place of the node's own, which sleeps: to the harness one that ended is a failure.
#[derive(Debug)]
pub struct OtherKubelet {
    shared: Shared,
    asleep: Pid,
    awake: Option<Component>,
}

impl OtherKubelet {
    /// Starts it with `settings` (`kubelet.config.k8s.io` KubeletConfiguration) over those of the node's own.
    pub fn start(shared: &Shared, settings: Map<String, Value>) -> Result<Self> {
        let directory = shared.directory.join("kubelet");
        let mut config: Map<String, Value> = serde_json::from_slice(&fs::read(directory.join("config.json"))?)?;
        config.extend(settings);
        // The sleeper keeps its own.
        config.insert("port".to_owned(), port::free()?.into());
        let file = directory.join("other.json");
        fs::write(&file, serde_json::to_vec(&config)?)?;
        let (id, arguments) = running(shared)?;
        let mut command = Command::new(shared.kubectl.program().with_file_name("kubelet"));
        command.args(arguments.iter().filter(|argument| !argument.starts_with("--config=")));
        command.arg(format!("--config={}", file.display()));
        kill_process(id, Signal::STOP)?;
        let mut kubelet = Self { shared: shared.clone(), asleep: id, awake: None };
        kubelet.awake =
            Some(Component::start("kubelet-other", &mut command, &shared.directory, &shared.directory.join("logs"))?);
        Ok(kubelet)
    }

    /// Ends it, wakes the node's own and waits until the node is as it was.
    pub fn put_back(self) -> Result<()> {
        let shared = self.shared.clone();
        drop(self);
        await_node(&shared)
    }
}

impl Drop for OtherKubelet {
    fn drop(&mut self) {
        drop(self.awake.take());
        let _ = kill_process(self.asleep, Signal::CONT);
    }
}

/// The node's kubelet and its arguments.
fn running(shared: &Shared) -> Result<(Pid, Vec<String>)> {
    let program = shared.kubectl.program().with_file_name("kubelet");
    let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    let process = processes
        .into_iter()
        .find(|process| fs::read_link(process.join("exe")).is_ok_and(|running| running == program))
        .context("no kubelet runs")?;
    let id = process.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    let arguments = fs::read_to_string(process.join("cmdline"))?;
    let arguments = arguments.split_terminator('\0').skip(1).map(str::to_owned).collect();
    Ok((id.and_then(Pid::from_raw).context("no process id")?, arguments))
}

/// Waits until the node is ready, without any pressure and its taint. One that was asleep tells at first that it is not:
/// so for longer than the ten seconds between two words of a kubelet.
fn await_node(shared: &Shared) -> Result<()> {
    let columns = r#"jsonpath={.items[*].spec.taints}{.items[*].status.conditions[?(@.status=="True")].type}"#;
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut well_since = Instant::now();
    while well_since.elapsed() < Duration::from_secs(15) {
        let state = shared.kubectl.run(&["get", "nodes", "-o", columns])?;
        if state != "Ready" {
            well_since = Instant::now();
        }
        if Instant::now() > deadline {
            bail!("the node has not recovered: {state}");
        }
        thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}
