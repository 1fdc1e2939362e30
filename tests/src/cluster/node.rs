//! The node: containerd, a bridge and the kubelet.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::control_plane::Api;
use super::run::SOCKETS;
use super::{BRIDGE, BRIDGE_ADDRESS, CGROUP, CNI_NETWORK, Starter, flag_file};
use crate::kubectl::Kubectl;
use crate::{image, port, sweep, volumes};

const NODE: &str = "e2e";
/// How many claims a run of all tests may make.
const VOLUMES: usize = 20;

impl Starter {
    pub(super) fn start_containerd(&mut self, registry: SocketAddr) -> Result<()> {
        let directory = self.directory.join("containerd");
        let registry = format!("http://{registry}");
        let hosts = directory.join("certs.d/_default");
        fs::create_dir_all(&hosts)?;
        fs::write(
            hosts.join("hosts.toml"),
            format!("server = \"{registry}\"\n[host.\"{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"),
        )?;
        let network = directory.join("net.d");
        fs::create_dir_all(&network)?;
        let addresses = json!({
            "type": "host-local",
            "ranges": [[{"subnet": "10.88.0.0/16", "gateway": BRIDGE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": directory.join("addresses"),
        });
        let list = json!({
            "cniVersion": "0.4.0",
            "name": CNI_NETWORK,
            "plugins": [{"type": "bridge", "bridge": BRIDGE, "isGateway": true, "ipam": addresses}],
        });
        fs::write(network.join("10-bridge.conflist"), list.to_string())?;
        let config = directory.join("config.toml");
        fs::write(&config, containerd_config(&directory))?;
        self.start("containerd", Command::new("/usr/bin/containerd").arg("--config").arg(config))
    }

    pub(super) fn start_kubelet(&mut self, api: &Api) -> Result<()> {
        make_cgroup()?;
        let directory = self.directory.join("kubelet");
        fs::create_dir_all(&directory)?;
        let serving = self.authority.server("kubelet", &[NODE, BRIDGE_ADDRESS])?;
        let client = self.authority.client("kubelet-client", &format!("system:node:{NODE}"), "system:nodes")?;
        let kubeconfig = self.authority.kubeconfig("kubelet", &client, api.port)?;
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": BRIDGE_ADDRESS,
            "port": port::free()?,
            "readOnlyPort": 0,
            "healthzPort": 0,
            "tlsCertFile": serving.certificate,
            "tlsPrivateKeyFile": serving.key,
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": false},
                "x509": {"clientCAFile": self.authority.certificate_file()},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": format!("unix://{SOCKETS}/containerd.sock"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{CGROUP}"),
            "failCgroupV1": false,
            "failSwapOn": false,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": false,
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "serializeImagePulls": false,
            "makeIPTablesUtilChains": false,
            "clusterDNS": [BRIDGE_ADDRESS],
            "resolvConf": "",
            "podLogsDir": self.directory.join("logs/pods"),
            "volumePluginDir": directory.join("plugins"),
            "maxPods": 250,
        });
        let file = directory.join("config.json");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new(self.binaries.kubernetes("kubelet"));
        command
            .arg(flag_file("--config", &file))
            .arg(flag_file("--kubeconfig", &kubeconfig))
            .arg(flag_file("--root-dir", &directory))
            .arg(flag_file("--cert-dir", &directory.join("pki")))
            .args(["--hostname-override", NODE, "--node-ip", BRIDGE_ADDRESS]);
        self.start("kubelet", &mut command)
    }
}

impl Starter {
    /// What workspaces are claimed from.
    pub(super) fn make_volumes(&self, kubectl: &Kubectl) -> Result<()> {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": volumes::CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kubernetes.io/no-provisioner",
        });
        let volumes = (0..VOLUMES).map(|number| {
            let path = self.directory.join(format!("volumes/{number}"));
            volumes::volume(&format!("volume-{number}"), "20Gi", &path)
        });
        let manifests: Vec<_> = std::iter::once(class).chain(volumes).map(|object| object.to_string()).collect();
        kubectl.run_with(&["apply", "--server-side", "-f", "-"], &manifests.join("\n---\n")).map(drop)
    }
}

fn containerd_config(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r#"version = 2
root = "{directory}/root"
state = "{directory}/state"
[grpc]
  address = "{SOCKETS}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{host}/pause:1"
  # Where CAP_SYS_RESOURCE is missing no sandbox starts without it.
  restrict_oom_score_adj = true
  # Otherwise namespaces are mounted outside of what a sweep looks at.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{directory}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{directory}/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{directory}/certs.d"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"
"#,
        host = image::HOST,
    )
}

/// Made beforehand, because the node's address lies on it and the kubelet looks for that at its start.
pub(super) fn make_bridge() -> Result<()> {
    let address = format!("{BRIDGE_ADDRESS}/16");
    for arguments in [
        vec!["link", "add", BRIDGE, "type", "bridge"],
        vec!["address", "add", &address, "dev", BRIDGE],
        vec!["link", "set", BRIDGE, "up"],
    ] {
        let output = Command::new("ip").args(&arguments).output()?;
        if !output.status.success() {
            bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    Ok(())
}

/// One cgroup over all containers, in every hierarchy, so that none can escape the sweep. Machines have version 1 or 2.
fn make_cgroup() -> Result<()> {
    for hierarchy in sweep::hierarchies() {
        let cgroup = hierarchy.join(CGROUP);
        let controllers = hierarchy.join("cgroup.controllers");
        if controllers.exists() {
            let available = fs::read_to_string(&controllers)?;
            if available.trim().is_empty() {
                // Beside version 1 the second version holds no controllers, and nobody uses it.
                continue;
            }
            for controller in available.split_whitespace() {
                let _ = fs::write(hierarchy.join("cgroup.subtree_control"), format!("+{controller}"));
            }
        }
        fs::create_dir_all(&cgroup).with_context(|| cgroup.display().to_string())?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if controllers.exists() || !hierarchy.join(file).exists() {
                continue;
            }
            // In version 1 these start empty, and no process can enter.
            fs::write(cgroup.join(file), fs::read(hierarchy.join(file))?)?;
        }
    }
    Ok(())
}
