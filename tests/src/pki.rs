//! The cluster's certificate authority, and who holds a certificate of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::json;

/// One authority for everything: servers, clients, webhooks.
pub(crate) struct Authority {
    directory: PathBuf,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tracestamp tests");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        fs::write(directory.join("ca.crt"), &certificate)?;
        Ok(Self { directory: directory.to_owned(), certificate, issuer: Issuer::new(params, key) })
    }

    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// A server's certificate for the given names and addresses.
    pub(crate) fn server(&self, name: &str, subjects: &[&str]) -> Result<Identity> {
        let subjects = subjects.iter().map(|&subject| subject.to_owned()).collect::<Vec<_>>();
        self.issue(name, CertificateParams::new(subjects)?, name, None, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate: Kubernetes takes the user from the common name and the group from the organisation.
    pub(crate) fn client(&self, file: &str, user: &str, group: &str) -> Result<Identity> {
        let params = CertificateParams::new(Vec::new())?;
        self.issue(file, params, user, Some(group), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        file: &str,
        mut params: CertificateParams,
        common_name: &str,
        organization: Option<&str>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Identity> {
        params.distinguished_name.push(DnType::CommonName, common_name);
        if let Some(organization) = organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let identity = Identity {
            certificate: self.directory.join(format!("{file}.crt")),
            key: self.directory.join(format!("{file}.key")),
        };
        fs::write(&identity.certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }

    /// The pair by which service account tokens are signed: (private, public).
    pub(crate) fn token_keys(&self) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let (private, public) = (self.directory.join("sa.key"), self.directory.join("sa.pub"));
        fs::write(&private, key.serialize_pem())?;
        fs::write(&public, key.public_key_pem())?;
        Ok((private, public))
    }

    /// A kubeconfig by which `identity` reaches the API server on `port`.
    pub(crate) fn kubeconfig(&self, name: &str, identity: &Identity, port: u16) -> Result<PathBuf> {
        let path = self.directory.join(format!("{name}.kubeconfig"));
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority-data": STANDARD.encode(&self.certificate),
            }}],
            "users": [{"name": "e2e", "user": {
                "client-certificate-data": STANDARD.encode(fs::read(&identity.certificate)?),
                "client-key-data": STANDARD.encode(fs::read(&identity.key)?),
            }}],
        });
        fs::write(&path, config.to_string())?;
        Ok(path)
    }
}
