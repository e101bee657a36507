use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    tls::{Authorities, Tls, TlsError},
    verifier::{Check, Verifier},
};

/// Makes encrypted connections. Reads the authorities' certificates.
pub(super) fn for_tls(tls: &Tls) -> Result<MakeRustlsConnect, TlsError> {
    Ok(match tls {
        Tls::Disable | Tls::Prefer | Tls::Require => unchecked(),
        Tls::VerifyCa(file) => checking(Check::Chain(authorities_of(file.clone())?)),
        Tls::VerifyFull(authorities) => {
            let roots = match authorities {
                Authorities::System => system_authorities()?,
                Authorities::File(file) => authorities_of(file.clone())?,
            };
            let config = builder().with_root_certificates(roots).with_no_client_auth();
            MakeRustlsConnect::new(config)
        }
    })
}

/// Encrypts without checking who the server is.
pub(super) fn unchecked() -> MakeRustlsConnect {
    checking(Check::Nothing)
}

fn checking(check: Check) -> MakeRustlsConnect {
    let config = builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(check)))
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
}

fn authorities_of(file: PathBuf) -> Result<RootCertStore, TlsError> {
    let certificates = CertificateDer::pem_file_iter(&file)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
    let roots = match certificates {
        Ok(certificates) => store(certificates),
        Err(error) => return Err(TlsError::File(file, Some(error))),
    };
    if roots.is_empty() { Err(TlsError::File(file, None)) } else { Ok(roots) }
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let roots = store(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoSystemAuthorities) } else { Ok(roots) }
}

/// Leaves out certificates that rustls can't read: the rest of a bundle is still useful, and
/// servers that need those are refused.
fn store(certificates: Vec<CertificateDer<'_>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        for file in ["/nowhere/ca.pem", "/dev/null", "/etc"] {
            let tls = Tls::VerifyCa(file.into());
            let Err(error) = for_tls(&tls) else { panic!("{file} was taken") };
            assert!(
                error.to_string().contains(&format!("sslrootcert: {file} holds no")),
                "{error}"
            );
        }
    }
}
