//! One run: its directory, and the machine's lock that it holds.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::component::report_left_behind;
use crate::footprint::Footprint;
use crate::machine;
use crate::sweep::{DEVICE_PLUGINS, Leftovers, remove};

/// Short, because the path of a unix socket has to be.
pub(super) const SOCKETS: &str = "/run/tracestamp-e2e";
/// How many runs that failed keep their logs.
const KEPT: usize = 5;

pub(super) struct Run {
    pub(super) directory: PathBuf,
    pub(super) keep_logs: bool,
    /// What was on the machine before.
    before: Footprint,
    /// Held by the lock; its content names the directory, for whoever cleans up after a kill.
    owner: File,
}

impl Run {
    /// Takes the lock, sweeps what the last holder left and makes a new directory.
    pub(super) fn begin() -> Result<Self> {
        fs::create_dir_all(SOCKETS)?;
        let mut owner =
            File::options().create(true).truncate(false).read(true).write(true).open(format!("{SOCKETS}/owner"))?;
        match owner.try_lock() {
            Err(TryLockError::WouldBlock) => bail!("another cluster of these tests runs on this machine"),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Ok(()) => {}
        }
        let mut last = Vec::new();
        owner.read_to_end(&mut last)?;
        if !last.is_empty() {
            let directory = PathBuf::from(std::ffi::OsString::from_vec(last));
            println!("cleaning up after a run that was killed: {}", directory.display());
            clean(&directory, true)?;
        }
        refuse_neighbours()?;
        let before = Footprint::take();
        machine::demand_space(&machine::target())?;
        let directory = next_directory()?;
        owner.set_len(0)?;
        owner.rewind()?;
        owner.write_all(directory.as_os_str().as_bytes())?;
        Ok(Self { directory, keep_logs: true, before, owner })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(error) = clean(&self.directory, self.keep_logs) {
            eprintln!("LEFT BEHIND: {error:#}");
            report_left_behind();
            return;
        }
        let more = Footprint::take().beyond(&self.before);
        if !more.is_empty() {
            eprintln!("LEFT BEHIND: {}", more.join(", "));
            report_left_behind();
        }
        if self.keep_logs && self.directory.exists() {
            eprintln!("logs of the cluster: {}", self.directory.join("logs").display());
        }
        let _ = self.owner.set_len(0);
    }
}

fn clean(directory: &Path, keep_logs: bool) -> Result<()> {
    let remaining = Leftovers { directory }.sweep();
    if !remaining.is_empty() {
        bail!("{}", remaining.join(", "));
    }
    let logs = directory.join("logs");
    if keep_logs && logs.exists() {
        for entry in fs::read_dir(directory)?.flatten().filter(|entry| entry.path() != logs) {
            if entry.file_type()?.is_dir() { remove(&entry.path())? } else { fs::remove_file(entry.path())? }
        }
    } else {
        remove(directory)?;
    }
    for entry in fs::read_dir(SOCKETS)?.flatten().filter(|entry| entry.file_name() != "owner") {
        let _ = fs::remove_file(entry.path());
    }
    Ok(())
}

/// What cannot be shared with somebody else's programs.
fn refuse_neighbours() -> Result<()> {
    if Path::new(DEVICE_PLUGINS).join("kubelet.sock").exists() {
        bail!("a kubelet of somebody else's runs on this machine: {DEVICE_PLUGINS}/kubelet.sock exists");
    }
    if let Err(error) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080)) {
        bail!("port 8080, which Tekton's controller takes whatever its configuration says: {error}");
    }
    Ok(())
}

/// The next number in `target/e2e`; the oldest directories go.
fn next_directory() -> Result<PathBuf> {
    let parent = machine::target().join("e2e");
    fs::create_dir_all(&parent)?;
    let mut numbers: Vec<u32> =
        fs::read_dir(&parent)?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    for old in numbers.iter().rev().skip(KEPT - 1) {
        remove(&parent.join(old.to_string()))?;
    }
    let directory = parent.join((numbers.last().copied().unwrap_or_default() + 1).to_string());
    fs::create_dir_all(&directory)?;
    // Mounts are compared with what the kernel tells, which knows no symlinks.
    Ok(directory.canonicalize()?)
}
