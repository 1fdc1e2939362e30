//! Takes away whatever a run left on the machine, however it ended.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::{BRIDGE, CGROUP};
use crate::component::RUN_VARIABLE;

/// Where every kubelet listens for device plugins, whatever its root directory.
pub(crate) const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins";

/// Directories that containerd, CNI and the kubelet make outside of what they are given, children first.
pub(crate) const MADE: &[&str] = &[
    "/run/containerd/s",
    "/run/containerd",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/log/containers",
    DEVICE_PLUGINS,
    "/var/lib/kubelet",
];

/// What one run may have left.
#[derive(Debug)]
pub(crate) struct Leftovers<'a> {
    pub(crate) directory: &'a Path,
}

impl Leftovers<'_> {
    /// Kills, unmounts and removes all of it, and gives what would not go.
    pub(crate) fn sweep(&self) -> Vec<String> {
        let sockets = shim_sockets(self.directory);
        // First whoever would start more: the kubelet and containerd carry the mark, containers do not.
        self.kill();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut remaining = self.remaining();
        while !remaining.is_empty() && Instant::now() < deadline {
            self.kill();
            for mount in mounts_below(self.directory).iter().rev() {
                let _ = unmount(mount, UnmountFlags::DETACH);
            }
            remove_cgroups();
            thread::sleep(Duration::from_millis(20));
            remaining = self.remaining();
        }
        for socket in sockets {
            let _ = fs::remove_file(socket);
        }
        remove_files(Path::new("/var/log/containers"), |link| {
            fs::read_link(link).is_ok_and(|target| target.starts_with(self.directory))
        });
        // CNI keeps its results in one place whoever asked; each names the network namespace.
        remove_files(Path::new("/var/lib/cni/results"), |result| {
            fs::read_to_string(result).is_ok_and(|text| text.contains(&*self.directory.to_string_lossy()))
        });
        // Ours, because no cluster starts where another kubelet runs.
        remove_files(Path::new(DEVICE_PLUGINS), |_| true);
        // Made wherever the configuration puts the rest. Where somebody else uses them they are not empty.
        for directory in MADE {
            let _ = fs::remove_dir(directory);
        }
        let _ = Command::new("ip").args(["link", "delete", BRIDGE]).output();
        remaining
    }

    fn kill(&self) {
        for process in self.processes() {
            let _ = kill_process(process, Signal::KILL);
        }
    }

    fn processes(&self) -> Vec<Pid> {
        let mark = [RUN_VARIABLE.as_bytes(), b"=", self.directory.as_os_str().as_bytes()].concat();
        let marked = pids().into_iter().filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environment| environment.split(|&byte| byte == 0).any(|entry| entry == mark))
        });
        marked.chain(contained()).filter_map(Pid::from_raw).collect()
    }

    /// What is still there, in words.
    pub(crate) fn remaining(&self) -> Vec<String> {
        let processes = self.processes().into_iter().map(|pid| {
            let command = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).unwrap_or_default();
            format!("process {} {}", pid.as_raw_nonzero(), command.trim())
        });
        let mounts = mounts_below(self.directory).into_iter().map(|mount| format!("mount {}", mount.display()));
        let cgroups = cgroup_roots().into_iter().map(|cgroup| format!("cgroup {}", cgroup.display()));
        processes.chain(mounts).chain(cgroups).collect()
    }
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Our cgroup in every hierarchy (one in version 2, one for each controller in version 1).
fn cgroup_roots() -> Vec<PathBuf> {
    hierarchies().into_iter().map(|hierarchy| hierarchy.join(CGROUP)).filter(|cgroup| cgroup.exists()).collect()
}

/// Where cgroups are mounted.
pub(crate) fn hierarchies() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut paths: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (path, kind) = (fields.next()?, fields.next()?);
            (kind == "cgroup" || kind == "cgroup2").then(|| PathBuf::from(path))
        })
        .collect();
    paths.dedup();
    paths
}

/// The processes in the cluster's containers.
fn contained() -> Vec<i32> {
    let cgroups = cgroup_roots().into_iter().flat_map(|root| tree(&root));
    let unique: BTreeSet<i32> = cgroups
        .filter_map(|cgroup| fs::read_to_string(cgroup.join("cgroup.procs")).ok())
        .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>())
        .collect();
    unique.into_iter().filter(|&pid| pid > 1).collect()
}

/// A directory and all below it, parents first.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let below = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    found.extend(below.flat_map(|entry| tree(&entry.path())));
    found
}

fn remove_cgroups() {
    for cgroup in cgroup_roots().iter().flat_map(|root| tree(root)).collect::<Vec<_>>().iter().rev() {
        let _ = fs::remove_dir(cgroup);
    }
}

fn mounts_below(directory: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    points.filter(|point| point.starts_with(directory)).collect()
}

/// The sockets of containerd's shims lie outside its state directory; each bundle tells where.
fn shim_sockets(directory: &Path) -> Vec<PathBuf> {
    let bundles = directory.join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    let addresses = fs::read_dir(bundles).into_iter().flatten().flatten();
    addresses
        .filter_map(|bundle| fs::read_to_string(bundle.path().join("address")).ok())
        .filter_map(|address| address.trim().strip_prefix("unix://").map(PathBuf::from))
        .collect()
}

fn remove_files(directory: &Path, ours: impl Fn(&Path) -> bool) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten().filter(|entry| ours(&entry.path())) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Removes a directory; one that is not there is removed.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
