//! The server's certificate: checked before a port is bound, replaced while running, never by a broken one.

mod files;
mod reload;

use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use arc_swap::ArcSwap;
use clap::Args;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;

use crate::admin::Check;
use crate::metrics::Registry;
use crate::shown;
use files::{Files, Identity, PairError};
pub use reload::Reload;

/// The flags of the server's certificate, to be flattened into a process' own.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// PEM file with the server's certificate, then any intermediate ones. Read again when it changes.
    #[arg(long, env = "TRACESTAMP_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: PathBuf,
    /// PEM file with the certificate's private key. Read again when it changes.
    #[arg(long, env = "TRACESTAMP_TLS_KEY", value_name = "FILE")]
    pub tls_key: PathBuf,
    /// PEM file with certificate authorities: clients must then show a certificate that one of them signed. Read at
    /// the start only.
    #[arg(long, env = "TRACESTAMP_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
}

/// Why no TLS server can be set up; the text names the flag and the file.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate and key cannot be used.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The client authorities cannot be read.
    #[error("--client-ca {}: {source}", shown::path(path))]
    ClientCaUnreadable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The client authorities are no certificates.
    #[error("--client-ca {}: {reason}", shown::path(path))]
    ClientCa {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Settings(#[from] rustls::Error),
}

/// Settings of a TLS server and what keeps its certificate current.
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// Polls the files.
    pub reload: Reload,
}

impl TlsArgs {
    /// Reads and checks all files. `check` becomes the readiness condition of the certificate.
    pub fn load(self, registry: &mut Registry, check: Check) -> Result<Tls, TlsError> {
        let Self { tls_certificate, tls_key, client_ca } = self;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let files = Files { certificate: tls_certificate, key: tls_key };
        let pair = files.read()?;
        let identity = files.check(&pair, &provider)?;
        let store = Arc::new(Store(ArcSwap::from_pointee(identity.key.clone())));

        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match client_ca {
            Some(path) => builder.with_client_cert_verifier(client_verifier(path, &provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&store) as Arc<dyn ResolvesServerCert>);
        // The API server speaks nothing else to webhooks (client-go `NextProtos`), and HTTP/2 brings Rapid Reset.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Measured: with P-256 two tickets a connection cost more than the handshakes that they save.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;

        let reload = Reload::new(files, pair, &identity, store, provider, registry, check);
        Ok(Tls { config: Arc::new(config), reload })
    }
}

fn client_verifier(
    path: PathBuf,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(TlsError::ClientCaUnreadable { path, source }),
    };
    verifier_of(&pem, provider).map_err(|reason| TlsError::ClientCa { path, reason })
}

fn verifier_of(
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| pem_problem(&error).to_owned())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// What is wrong with a PEM file. The error itself quotes the file, which may hold a key.
fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "holds none in PEM",
        pem::Error::MissingSectionEnd { .. } => "a PEM section has no end",
        pem::Error::IllegalSectionStart { .. } => "the first line of a PEM section is malformed",
        pem::Error::Base64Decode(_) => "a PEM section is no base64",
        _ => "is no PEM file",
    }
}

/// The certificate in use. Only this is swapped: settings and open connections stay as they are.
#[derive(Debug)]
struct Store(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Store {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Store {
    fn replace(&self, identity: Identity) {
        self.0.store(Arc::new(identity.key));
    }
}
