//! What is on the machine that a cluster could leave there, looked at without regard to whose it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::machine;
use crate::sweep::{MADE, hierarchies};

/// Everything found, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Footprint(BTreeSet<String>);

impl Footprint {
    pub(crate) fn take() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mounts = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| format!("mount {point}"));
        let links = names(Path::new("/sys/class/net")).into_iter().map(|link| format!("network link {link}"));
        let namespaces = names(Path::new("/run/netns")).into_iter().map(|name| format!("network namespace {name}"));
        let cgroups = hierarchies().into_iter().flat_map(|hierarchy| {
            let below = names(&hierarchy).into_iter().map(|name| hierarchy.join(name)).filter(|path| path.is_dir());
            below.map(|path| format!("cgroup {}", path.display())).collect::<Vec<_>>()
        });
        let directories = MADE.iter().filter(|path| Path::new(path).exists()).map(|path| format!("directory {path}"));
        Self(mounts.chain(links).chain(namespaces).chain(cgroups).chain(directories).chain(programs()).collect())
    }

    /// What is here and was not there.
    pub(crate) fn beyond(&self, earlier: &Self) -> Vec<String> {
        self.0.difference(&earlier.0).cloned().collect()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Running programs of a cluster, by the file that they run.
fn programs() -> Vec<String> {
    let built = machine::target().join("cluster");
    let built = built.canonicalize().unwrap_or(built);
    let processes = names(Path::new("/proc")).into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let programs = processes.filter_map(|id| Some((fs::read_link(format!("/proc/{id}/exe")).ok()?, id)));
    let ours = programs.filter(|(program, _)| {
        let system = ["containerd", "containerd-shim-runc-v2", "runc"];
        program.starts_with(&built) || system.iter().any(|name| program.ends_with(name))
    });
    ours.map(|(program, id)| format!("process {id} {}", program.display())).collect()
}
