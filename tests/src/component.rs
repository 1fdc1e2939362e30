//! A program that runs beside the tests: started in a process group of its own, logged, and killed with the group.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// The variable by which every process of a run, shims and orphans too, is found again.
pub(crate) const RUN_VARIABLE: &str = "TRACESTAMP_E2E_RUN";

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes every wait of the harness give up, so that it unwinds and takes the cluster down.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether the user wants it to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

static LEFT_BEHIND: AtomicBool = AtomicBool::new(false);

/// Makes the command fail in the end: a drop cannot.
pub(crate) fn report_left_behind() {
    LEFT_BEHIND.store(true, Ordering::Relaxed);
}

/// Whether something of a cluster is still on the machine.
pub(crate) fn left_behind() -> bool {
    LEFT_BEHIND.load(Ordering::Relaxed)
}

/// A running program.
#[derive(Debug)]
pub struct Component {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Component {
    /// Starts `command`; what it prints goes to `logs/{name}.log`.
    pub(crate) fn start(name: &str, command: &mut Command, run: &Path, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs)?;
        let log = logs.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .env(RUN_VARIABLE, run)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name}: {} cannot be started", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What to say about it when it ended by itself.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{} ended ({status}):\n{}", self.name, self.tail()))
    }

    /// Waits until `ready`, but not for a program that ended.
    pub fn wait_until(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before {what} ({status}):\n{}", self.name, self.tail());
            }
            if interrupted() {
                bail!("interrupted");
            }
            if Instant::now() > deadline {
                bail!("{}: {what} is not so after a minute:\n{}", self.name, self.tail());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The end of its log.
    fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }

    /// Asks it to end and waits; kills what is left of its group.
    pub fn terminate(mut self) -> Result<()> {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// As `kill -9` does.
    pub fn kill(self) {
        drop(self);
    }

    /// Stops it where it is, until the value is dropped: it holds its connections and answers nothing.
    pub fn freeze(&self) -> Frozen {
        self.signal(Signal::STOP);
        Frozen(Pid::from_child(&self.child))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

/// A program that is stopped.
#[derive(Debug)]
pub struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill_process_group(self.0, Signal::CONT);
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}
