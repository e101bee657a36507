use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::Url;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_rustls::TlsConnector;
use x509_cert::{Certificate, der::Decode};

use super::{
    Finding,
    reach::{connect, parts},
};

/// Whom certificates must come from.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// Those that the operating system trusts.
    #[default]
    System,
    Given(Arc<RootCertStore>),
}

/// A certificate that ends sooner is told.
const SOON: Duration = Duration::from_hours(14 * 24);
const HANDSHAKE: Duration = Duration::from_secs(8);

/// Whether the certificate is trusted, of this name, and has not ended.
pub async fn certificate(url: &Url, roots: &Roots) -> Finding {
    if url.scheme() != "https" {
        return Finding::warning(
            "It is plain HTTP: passwords, PINs and links can be read on the way.",
            "Set ssl.provider, with a name in dns.domain.",
        );
    }
    let seen = Arc::new(Seen::new(roots.store()));
    let verdict = tokio::time::timeout(HANDSHAKE, shake_hands(url, Arc::clone(&seen))).await;
    let end = seen.end();
    match verdict {
        Ok(Ok(())) => judge_end(end, Timestamp::now()),
        Ok(Err(error)) => refused(url, &error, end),
        Err(_elapsed) => Finding::broken(
            format!("The handshake had no end within {} s.", HANDSHAKE.as_secs()),
            "Look at the log of the proxy that ends TLS.",
        ),
    }
}

fn judge_end(end: Option<Timestamp>, now: Timestamp) -> Finding {
    let Some(end) = end else { return Finding::well("The certificate is trusted.") };
    let day = end.strftime("%Y-%m-%d");
    if end.duration_since(now) < jiff::SignedDuration::try_from(SOON).unwrap_or_default() {
        return Finding::warning(
            format!("The certificate is trusted, and ends on {day}."),
            "Look why it is not renewed: Caddy and ACM do so a month before. Port 80 must be open \
             for Let's Encrypt.",
        );
    }
    Finding::well(format!("The certificate is trusted, until {day}."))
}

fn refused(url: &Url, error: &std::io::Error, end: Option<Timestamp>) -> Finding {
    let (host, _) = parts(url);
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Finding::broken(
            format!(
                "The certificate has ended{}.",
                end.map_or(String::new(), |end| { format!(" on {}", end.strftime("%Y-%m-%d")) })
            ),
            "Renew it: restart the proxy that ends TLS and read its log; if it is right, this \
             machine's clock is wrong.",
        ),
        Some(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Finding::broken(
            "The certificate is not valid yet.",
            "Set this machine's clock, or that of whoever made the certificate.",
        ),
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Finding::broken(
            format!("The certificate is of another name than {host}."),
            "Give the proxy a certificate of this name (dns.domain, ssl.certificate_arn), or call \
             the allocator by the name that it has.",
        ),
        Some(Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => Finding::broken(
            "The certificate comes from an authority that this machine does not trust.",
            "Let Let's Encrypt, ACM or Cloudflare make it (ssl.provider); or add your authority to \
             those of this machine.",
        ),
        _ => Finding::broken(
            format!("There is no TLS to be had: {error}."),
            "Look whether the port is that of the proxy which ends TLS, and at its log.",
        ),
    }
}

async fn shake_hands(url: &Url, verifier: Arc<Seen>) -> std::io::Result<()> {
    let (host, port) = parts(url);
    let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
    let stream = connect(&host, port).await.map_err(std::io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(|_stream| ())
}

impl Roots {
    /// For a client that trusts them.
    pub(crate) fn config(&self) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(self.store()).with_no_client_auth())
    }

    fn store(&self) -> Arc<RootCertStore> {
        match self {
            Self::Given(store) => Arc::clone(store),
            Self::System => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Arc::new(store)
            }
        }
    }
}

/// Judges as everybody does, and keeps the end of what it saw.
struct Seen {
    /// None: there is no authority to trust.
    judge: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    end: Mutex<Option<Timestamp>>,
}

impl Seen {
    fn new(store: Arc<RootCertStore>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider));
        Self { judge: judge.build().ok(), provider, end: Mutex::default() }
    }

    fn end(&self) -> Option<Timestamp> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end_of(leaf);
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let judge = self.judge.as_ref().ok_or(unknown)?;
        judge.verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn end_of(leaf: &CertificateDer<'_>) -> Option<Timestamp> {
    let read = Certificate::from_der(leaf).ok()?;
    let end = read.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()
}
