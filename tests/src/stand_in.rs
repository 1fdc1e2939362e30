//! Another server where tracestamp would be.

use std::fs;

use anyhow::Result;

use crate::registration::Registration;
use crate::shared::{Namespace, Shared};
use crate::tracestamp::{LABEL, registration};

/// A server on this machine that is registered as tracestamp is.
#[derive(Debug)]
pub struct StandIn {
    shared: Shared,
    name: String,
    _registration: Registration,
}

impl StandIn {
    /// Registers what listens on `port` with the certificate of [`Shared`].
    pub fn register(shared: &Shared, port: u16) -> Result<Self> {
        let name = shared.unique("stand-in");
        let ca = fs::read(&shared.ca)?;
        let client = registration::url(port, &ca);
        let configurations =
            registration::configurations(registration::of_base(&shared.kubectl)?, &name, &name, client)?;
        let registration = Registration::create(&shared.kubectl, &name, &configurations)?;
        Ok(Self { shared: shared.clone(), name, _registration: registration })
    }

    /// A namespace whose objects it sees.
    pub fn namespace(&self, stem: &str) -> Result<Namespace> {
        self.shared.namespace(stem, &[(LABEL, &self.name)])
    }
}
