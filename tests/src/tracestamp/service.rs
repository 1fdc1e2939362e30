//! Replicas behind one Service, as the manifests run them.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Listens, Tracestamp, registration};
use crate::cluster::BRIDGE_ADDRESS;
use crate::pki::Authority;
use crate::port;
use crate::registration::Registration;
use crate::shared::{Namespace, Shared};

/// Two replicas behind one Service: of each review the API server takes either, nobody says which.
#[derive(Debug)]
pub struct Service {
    /// The replicas.
    pub replicas: [Tracestamp; 2],
    _registration: Registration,
    /// Holds the Service alone; what is traced is elsewhere, as always.
    namespace: Namespace,
}

impl Service {
    /// Starts both replicas, and registers the Service.
    pub fn start(shared: &Shared) -> Result<Self> {
        let instance = shared.unique("replicated");
        let namespace = shared.namespace("service", &[])?;
        let authority = Authority::new(&shared.directory.join("spool").join(format!("{instance}-pki")))?;
        let host = format!("tracestamp.{}.svc", namespace.name);
        let identity = authority.server("tracestamp", &[&host])?;
        let replica = || {
            let (certificate, key) = (identity.certificate.clone(), identity.key.clone());
            let listens = Listens { host: BRIDGE_ADDRESS.parse()?, port: port::free()?, certificate, key };
            Tracestamp::listening(shared, &shared.unique("tracestamp"), &instance, listens, Vec::new(), true)
        };
        let replicas = [replica()?, replica()?];
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "tracestamp"},
            "spec": {"ports": [{"name": "https", "port": 443}]},
        });
        namespace.kubectl.apply(&service.to_string())?;
        let ca = std::fs::read(authority.certificate_file())?;
        let client = registration::service(&namespace.name, "tracestamp", &ca);
        let configurations =
            registration::configurations(registration::of_base(&shared.kubectl)?, &instance, &instance, client)?;
        let registration = Registration::create(&shared.kubectl, &instance, &configurations)?;
        let service = Self { replicas, _registration: registration, namespace };
        service.route([true, true])?;
        Ok(service)
    }

    /// Says which replicas are ready, and gives the API server the moment it takes to learn of it. Connections that it
    /// has already stay where they are.
    pub fn route(&self, ready: [bool; 2]) -> Result<()> {
        let slices = self.replicas.iter().zip(ready).enumerate();
        let slices: Vec<_> =
            slices.map(|(number, (replica, ready))| slice(number, replica.listens.port, ready).to_string()).collect();
        self.namespace.kubectl.apply(&slices.join("\n---\n"))?;
        thread::sleep(Duration::from_millis(500));
        Ok(())
    }

    /// A namespace whose objects the replicas see.
    pub fn namespace(&self, stem: &str) -> Result<Namespace> {
        let [first, _] = &self.replicas;
        first.namespace(stem)
    }
}

/// Where one replica is. Processes on one machine differ in their ports, which one slice cannot say.
fn slice(number: usize, port: u16, ready: bool) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("tracestamp-{number}"),
            "labels": {"kubernetes.io/service-name": "tracestamp"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [BRIDGE_ADDRESS], "conditions": {"ready": ready}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    })
}
