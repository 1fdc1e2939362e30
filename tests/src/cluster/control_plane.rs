//! etcd, the API server, the controller manager and the scheduler.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{BRIDGE_ADDRESS, Starter, flag_file};
use crate::port;

/// How the API server is reached.
pub(super) struct Api {
    pub(super) port: u16,
    pub(super) kubeconfig: PathBuf,
    token_key: PathBuf,
}

impl Starter {
    pub(super) fn start_api_server(&mut self) -> Result<Api> {
        let etcd = self.start_etcd()?;
        let (token_key, token_public) = self.authority.token_keys()?;
        let server =
            self.authority.server("apiserver", &["127.0.0.1", "localhost", "10.89.0.1", "kubernetes.default.svc"])?;
        let kubelet_client = self.authority.client("apiserver-kubelet", "apiserver", "system:masters")?;
        let port = port::free()?;
        let mut command = Command::new(self.binaries.kubernetes("kube-apiserver"));
        command
            .arg(format!("--etcd-servers={etcd}"))
            .arg(format!("--secure-port={port}"))
            .args(["--bind-address=127.0.0.1", "--advertise-address", BRIDGE_ADDRESS])
            .arg(flag_file("--tls-cert-file", &server.certificate))
            .arg(flag_file("--tls-private-key-file", &server.key))
            .arg(flag_file("--client-ca-file", &self.authority.certificate_file()))
            .arg(flag_file("--kubelet-client-certificate", &kubelet_client.certificate))
            .arg(flag_file("--kubelet-client-key", &kubelet_client.key))
            .arg(flag_file("--service-account-key-file", &token_public))
            .arg(flag_file("--service-account-signing-key-file", &token_key))
            .args([
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.89.0.0/20",
                "--authorization-mode=Node,RBAC",
                "--allow-privileged=true",
                "--kubelet-preferred-address-types=InternalIP",
                "--endpoint-reconciler-type=none",
                // A webhook's Service then resolves straight to its endpoints, without kube-proxy.
                "--enable-aggregator-routing=true",
                "--profiling=false",
            ]);
        self.start("kube-apiserver", &mut command)?;
        let admin = self.authority.client("admin", "admin", "system:masters")?;
        let kubeconfig = self.authority.kubeconfig("admin", &admin, port)?;
        Ok(Api { port, kubeconfig, token_key })
    }

    fn start_etcd(&mut self) -> Result<String> {
        let (client, peer) = (port::free()?, port::free()?);
        let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(self.binaries.etcd());
        command.arg(flag_file("--data-dir", &self.directory.join("etcd"))).args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &format!("default={peer}"),
            // The data dies with the run.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]);
        self.start("etcd", &mut command)?;
        Ok(client)
    }

    pub(super) fn start_controllers(&mut self, api: &Api) -> Result<()> {
        let mut command = Command::new(self.binaries.kubernetes("kube-controller-manager"));
        command
            .arg(flag_file("--kubeconfig", &api.kubeconfig))
            .arg(flag_file("--service-account-private-key-file", &api.token_key))
            .arg(flag_file("--root-ca-file", &self.authority.certificate_file()))
            .arg(format!("--secure-port={}", port::free()?))
            .args(["--bind-address=127.0.0.1", "--leader-elect=false"]);
        self.start("kube-controller-manager", &mut command)?;
        let mut command = Command::new(self.binaries.kubernetes("kube-scheduler"));
        command
            .arg(flag_file("--kubeconfig", &api.kubeconfig))
            .arg(format!("--secure-port={}", port::free()?))
            .args(["--bind-address=127.0.0.1", "--leader-elect=false"]);
        self.start("kube-scheduler", &mut command)
    }
}
