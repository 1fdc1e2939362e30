//! What this machine must have, and how it gets it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// Something from a Debian package, and where that package puts it.
struct Tool {
    package: &'static str,
    path: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { package: "containerd", path: "/usr/bin/containerd" },
    Tool { package: "runc", path: "/usr/sbin/runc" },
    Tool { package: "containernetworking-plugins", path: "/usr/lib/cni/bridge" },
    Tool { package: "iproute2", path: "/usr/sbin/ip" },
    Tool { package: "busybox-static", path: "/bin/busybox" },
    Tool { package: "bash-static", path: "/bin/bash-static" },
    // What issues certificates without cert-manager, and what an image's programs are stripped by.
    Tool { package: "openssl", path: "/usr/bin/openssl" },
    Tool { package: "binutils", path: "/usr/bin/strip" },
    // The load of the benchmark.
    Tool { package: "wrk", path: "/usr/bin/wrk" },
];

/// Why no cluster can run here whatever is installed; empty when one can.
pub(crate) fn obstacles() -> Vec<String> {
    let mut obstacles = Vec::new();
    if !cfg!(target_os = "linux") {
        obstacles.push("containerd and the kubelet need Linux".to_owned());
    }
    if !is_root() {
        obstacles.push("containers, mounts and a bridge need root".to_owned());
    }
    if Command::new("go").arg("version").output().is_err() {
        obstacles.push("the cluster is built from Go modules: `go` is not in PATH".to_owned());
    }
    obstacles
}

/// Installs the Debian packages that are missing, or fails with the one command that does.
pub(crate) fn install_packages() -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|tool| !Path::new(tool.path).exists()).map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get update && apt-get install -y --no-install-recommends {}", missing.join(" "));
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("missing here: {}. On Debian, as root:\n    {command}", missing.join(", "));
    }
    // A service started by the package would be a containerd that nobody here asked for.
    let status = Command::new("sh")
        .args(["-c", &command])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .status()?;
    if !status.success() {
        bail!("`{command}` failed");
    }
    Ok(())
}

/// What one run of all tests writes, twice over: images, etcd's database and logs.
const SPACE: u64 = 2 << 30;

/// Fails where there is too little space to run a cluster in `directory`; a full disk would show as an etcd that ends
/// in the middle of a test.
pub(crate) fn demand_space(directory: &Path) -> Result<()> {
    let disk = rustix::fs::statvfs(directory)?;
    let available = disk.f_bavail.saturating_mul(disk.f_frsize);
    if available < SPACE {
        let (directory, available, space) = (directory.display(), available >> 20, SPACE >> 20);
        bail!("{directory}: {available} MiB are free, a cluster needs {space}");
    }
    Ok(())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The project's checkout.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// One of tracestamp's own programs.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// Where tracestamp's own programs are: `TRACESTAMP_BIN_DIR`, else what cargo built for debugging.
pub(crate) fn programs() -> PathBuf {
    std::env::var_os("TRACESTAMP_BIN_DIR").map_or_else(|| target().join("debug"), PathBuf::from)
}

/// Cargo's target directory, where everything made is kept. Absolute, because tests, `go` and whoever calls this have
/// different working directories.
pub(crate) fn target() -> PathBuf {
    let directory = std::env::var_os("CARGO_TARGET_DIR").filter(|directory| !directory.is_empty());
    project().join(directory.unwrap_or_else(|| "target".into()))
}
