//! Certificate and key as they lie on disk.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use super::pem_problem;
use crate::shown;

/// How often a pair is read anew when the kubelet swaps it under the read.
const READS: usize = 5;

/// Where certificate and key lie.
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The bytes of both files, of one generation.
#[derive(PartialEq, Eq)]
pub(super) struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A pair that was checked.
pub(super) struct Identity {
    pub(super) key: CertifiedKey,
    /// Seconds since the Unix epoch.
    pub(super) not_after: i64,
}

/// Why certificate and key cannot be used; the text names the flag and the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PairError {
    /// The certificate cannot be read, or is none.
    #[error("--tls-certificate {}: {reason}", shown::path(path))]
    Certificate {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key cannot be read, is none, or belongs to another certificate.
    #[error("--tls-key {}: {reason}", shown::path(path))]
    Key {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Files {
    /// Reads both files. A Secret is mounted as a directory `..data` that the kubelet replaces by one rename: both
    /// files must come from the same.
    pub(super) fn read(&self) -> Result<Pair, PairError> {
        for _ in 0..READS {
            let before = self.generation();
            let pair = Pair {
                certificate: fs::read(&self.certificate).map_err(|error| self.bad_certificate(&error))?,
                key: fs::read(&self.key).map_err(|error| self.bad_key(&error))?,
            };
            if self.generation() == before {
                return Ok(pair);
            }
        }
        Err(self.bad_key("changes while it is being read"))
    }

    /// Checks that the pair can be served: PEM, X.509, and the key is that of the first certificate.
    pub(super) fn check(&self, pair: &Pair, provider: &CryptoProvider) -> Result<Identity, PairError> {
        let chain = CertificateDer::pem_slice_iter(&pair.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.bad_certificate(pem_problem(&error)))?;
        let leaf = chain.first().ok_or_else(|| self.bad_certificate("holds no certificate"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|error| self.bad_certificate(&error))?;
        let not_after = parsed.validity().not_after.timestamp();
        let key = PrivateKeyDer::from_pem_slice(&pair.key).map_err(|error| self.bad_key(pem_problem(&error)))?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| self.bad_key(&error))?;
        Ok(Identity { key, not_after })
    }

    fn generation(&self) -> [Option<PathBuf>; 2] {
        [&self.certificate, &self.key].map(|file| data_link(file).ok())
    }

    fn bad_certificate(&self, reason: &(impl ToString + ?Sized)) -> PairError {
        PairError::Certificate { path: self.certificate.clone(), reason: reason.to_string() }
    }

    fn bad_key(&self, reason: &(impl ToString + ?Sized)) -> PairError {
        PairError::Key { path: self.key.clone(), reason: reason.to_string() }
    }
}

fn data_link(file: &Path) -> io::Result<PathBuf> {
    fs::read_link(file.with_file_name("..data"))
}
