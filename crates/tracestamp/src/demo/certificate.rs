//! A certificate authority and a server certificate for one demonstration, as a cluster's operator would make them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};

/// Everything in PEM.
pub(super) struct Certificate {
    /// What clients trust, the `caBundle` of a registration.
    pub(super) ca: String,
    chain: String,
    key: String,
}

impl Certificate {
    /// Makes an authority, forgets its key, and leaves a certificate for `host`.
    pub(super) fn issue(host: &str) -> Result<Self, rcgen::Error> {
        let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, "tracestamp demo CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut leaf = CertificateParams::new(vec![host.to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, host);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let chain = leaf.signed_by(&key, &issuer)?.pem();
        Ok(Self { ca: authority, chain, key: key.serialize_pem() })
    }

    /// Writes certificate and key for the webhook; gives their paths in this order.
    pub(super) fn write(&self, directory: &Path) -> std::io::Result<(PathBuf, PathBuf)> {
        let (chain, key) = (directory.join("tls.crt"), directory.join("tls.key"));
        std::fs::write(&chain, &self.chain)?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
        file.write_all(self.key.as_bytes())?;
        Ok((chain, key))
    }
}
