//! TLS of the server's own: a certificate and its key, in PEM files. Read by `ekiden server --tls-cert --tls-key`, and again by `start` when they are others.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// What ends TLS. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    now: Mutex<Now>,
}

/// What is used, and what the files were when they were looked at last.
struct Now {
    acceptor: TlsAcceptor,
    seen: Seen,
}

/// When each file was written, how long it is, and which it is.
type Seen = [Option<(SystemTime, u64, u64)>; 2];

/// What a look at the files came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// They are those that are used.
    Same,
    /// They were others, and are used from the next connection on.
    Renewed,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates.
    #[error("no certificate in PEM could be read from {}", path.display())]
    Certificate {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// There are none.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// The key.
    #[error("no private key in PEM could be read from {}", path.display())]
    Key {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// They do not belong together, or are of a kind that is not known.
    #[error("the certificate and the key are of no use together")]
    Pair(#[source] tokio_rustls::rustls::Error),
}

impl Tls {
    /// From a file with the chain of certificates, the server's own first, and one with its key.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let seen = seen(certificate, key);
        let now = Mutex::new(Now { acceptor: acceptor(certificate, key)?, seen });
        Ok(Self(Arc::new(Files { certificate: certificate.to_owned(), key: key.to_owned(), now })))
    }

    /// Reads the files again where they are others than when they were looked at last. What cannot be used is told once, and what was used before stays.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn look(&self) -> Result<Renewal, TlsError> {
        let Files { certificate, key, now } = &*self.0;
        // Before they are read: what is written meanwhile is found by the next look.
        let seen = seen(certificate, key);
        if std::mem::replace(&mut now.lock().unwrap_or_else(PoisonError::into_inner).seen, seen) == seen {
            return Ok(Renewal::Same);
        }
        let acceptor = acceptor(certificate, key)?;
        now.lock().unwrap_or_else(PoisonError::into_inner).acceptor = acceptor;
        Ok(Renewal::Renewed)
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let acceptor = self.0.now.lock().unwrap_or_else(PoisonError::into_inner).acceptor.clone();
        acceptor.accept(stream).await
    }
}

fn seen(certificate: &Path, key: &Path) -> Seen {
    [certificate, key].map(|path| {
        let facts = std::fs::metadata(path).ok()?;
        Some((facts.modified().ok()?, facts.len(), facts.ino()))
    })
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let bad = |source| TlsError::Certificate { path: certificate.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(bad)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(bad)?;
    if chain.is_empty() {
        return Err(TlsError::Empty { path: certificate.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}
