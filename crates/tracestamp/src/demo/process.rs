//! The two processes as children.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::say;

/// How much of a process' log is shown when it fails.
const LOG_LINES: usize = 15;

/// A running child. It is killed when this is dropped, also by a panic or Ctrl-C.
pub(super) struct Process {
    name: String,
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// A command for the binary `name` beside this one, that delivers to `endpoint`. What the caller's environment says
    /// of OTLP counts only for an endpoint of the caller's; what it says of tracestamp never does.
    pub(super) fn command(name: &str, endpoint: &str, foreign: bool) -> anyhow::Result<Command> {
        let own = std::env::current_exe().context("the path of this command is unknown")?;
        let path = own.with_file_name(name);
        if !path.is_file() {
            bail!("{} is not there: build it with `cargo build --workspace`, or install it there", path.display());
        }
        let mut command = Command::new(path);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("TRACESTAMP_") || (text.starts_with("OTEL_") && !foreign) {
                command.env_remove(&variable);
            }
        }
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        if !foreign {
            command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        }
        Ok(command)
    }

    /// Starts it. `admin` is where it was told to serve `/ready`; its log goes to a file in `room`.
    pub(super) fn start(mut command: Command, room: &Path, admin: SocketAddr) -> anyhow::Result<Self> {
        let path = Path::new(command.as_std().get_program());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = room.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot start"))?;
        Ok(Self { name, child, admin, log })
    }

    /// Waits until `/ready` says so.
    pub(super) async fn ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{}/ready", self.admin);
        let waiting = async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    return Err(self.failed(&format!("ended with {status}")));
                }
                if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return Ok(());
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        match timeout(patience, waiting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.failed("was not ready in time")),
        }
    }

    /// Asks it to leave, and waits until it has done its work.
    pub(super) async fn stop(mut self, patience: Duration) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).with_context(|| format!("{} cannot be told to leave", self.name))?;
        }
        match timeout(patience, self.child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ok(()),
                status => Err(self.failed(&format!("ended with {status}"))),
            },
            Err(_) => Err(self.failed("did not leave in time")),
        }
    }

    /// The error, after the end of the log, line by line.
    fn failed(&self, how: &str) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default() {
            say(&line);
        }
        anyhow!("{} {how}", self.name)
    }
}
