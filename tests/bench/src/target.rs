//! A server that is measured: the webhook, or one of the floors.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// A running server on loopback.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// Where it keeps what it writes.
    pub(crate) room: TempDir,
    child: Child,
}

impl Target {
    /// The webhook as installed, but for `flags`; no exporter runs.
    pub(crate) fn webhook(name: &'static str, flags: &[&str]) -> Result<Self> {
        let room = room()?;
        let port = free_port()?;
        let mut command = Command::new(beside("tracestamp-webhook")?);
        command
            .args([format!("--address=127.0.0.1:{port}"), "--admin-address=127.0.0.1:0".to_owned()])
            .args(["--otlp-endpoint=http://127.0.0.1:9", "--drain-delay=0s", "--log-level=warn"])
            .arg("--spool-dir")
            .arg(room.path().join("spool"))
            .arg("--tls-certificate")
            .arg(room.path().join("tls.crt"))
            .arg("--tls-key")
            .arg(room.path().join("tls.key"))
            .args(flags);
        Self::start(name, &mut command, port, room)
    }

    /// One of the servers of `floor`.
    pub(crate) fn floor(work: &'static str) -> Result<Self> {
        let room = room()?;
        let pair = [room.path().join("tls.crt"), room.path().join("tls.key")];
        Self::floor_with(work, room, &pair)
    }

    /// The same with another's certificate and key.
    pub(crate) fn floor_with(work: &'static str, room: TempDir, pair: &[PathBuf; 2]) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(beside("floor")?);
        command.args([work, &port.to_string()]).args(pair);
        Self::start(work, &mut command, port, room)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
    }

    fn start(name: &'static str, command: &mut Command, port: u16, room: TempDir) -> Result<Self> {
        let log = fs::File::create(room.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut target = Self { name, url: format!("https://localhost:{port}"), room, child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if target.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("{name} does not start:\n{}", fs::read_to_string(target.room.path().join("log"))?);
            }
            sleep(Duration::from_millis(1));
        }
        Ok(target)
    }

    /// Processor time so far, of all its threads.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(self.child.id())
    }

    /// Resident memory now, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory_of(self.child.id(), "VmRSS:")
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of a process, from the scheduler, in nanoseconds and not in ticks.
pub(crate) fn cpu_of(process: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanos +=
            text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).context("schedstat is unreadable")?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// A line of /proc/PID/status that is given in kB, in bytes.
pub(crate) fn memory_of(process: u32, line: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let value = status.lines().find_map(|found| found.strip_prefix(line)).context("no such line")?;
    Ok(value.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

/// A directory with a certificate of localhost, of the kind that cert-manager issues.
fn room() -> Result<TempDir> {
    let room = TempDir::new()?;
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(room.path().join("tls.crt"), issued.cert.pem())?;
    fs::write(room.path().join("tls.key"), issued.signing_key.serialize_pem())?;
    Ok(room)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program that was built with this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !Path::exists(&path) {
        bail!("{} is not there: cargo build --release --workspace", path.display());
    }
    Ok(path)
}
