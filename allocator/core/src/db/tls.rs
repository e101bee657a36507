//! How the connection to Postgres is protected, in libpq's words (`PostgreSQL` manual, "SSL
//! Support"). Unlike libpq, a setting that would have no effect is refused.

use std::{path::PathBuf, str::FromStr};

use tokio_postgres::config::SslMode as Wanted;

use crate::text_enum::text_enum;

text_enum! {
    /// libpq's `sslmode`.
    pub enum SslMode {
        Disable = "disable",
        Prefer = "prefer",
        Require = "require",
        VerifyCa = "verify-ca",
        VerifyFull = "verify-full",
    }
}

/// The mode with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server offers it, without a check of who it is. The default.
    Prefer,
    /// Always encrypted, without a check of who the server is. Helps against somebody who only listens.
    Require,
    /// The server's certificate must come from this PEM file's authorities, for whatever host.
    VerifyCa(PathBuf),
    /// It must come from these authorities, and be that of the host that is connected to.
    VerifyFull(Authorities),
}

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those that the operating system trusts.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// Why the settings of TLS can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("sslmode '{0}' is unknown: write disable, prefer, require, verify-ca or verify-full")]
    UnknownMode(String),
    #[error(
        "sslrootcert has no effect with sslmode {0}, which checks nothing: write sslmode \
         verify-full, or leave sslrootcert out"
    )]
    Unchecked(SslMode),
    #[error(
        "sslrootcert is missing: sslmode verify-ca takes every host that the authority knows, so \
         name the authority's PEM file, or write sslmode verify-full"
    )]
    NoAuthority,
    #[error("sslrootcert: {0} holds no certificate that can be read: name a PEM file")]
    File(PathBuf, #[source] Option<rustls::pki_types::pem::Error>),
    #[error(
        "the operating system trusts no authority that sslmode verify-full could check against: \
         install the package ca-certificates, or name a PEM file in sslrootcert"
    )]
    NoSystemAuthorities,
}

impl Tls {
    /// `sslrootcert` is a PEM file's path, or `system`, which is also what none means.
    pub fn new(mode: SslMode, sslrootcert: Option<&str>) -> Result<Self, TlsError> {
        let file = sslrootcert.filter(|path| *path != "system").map(PathBuf::from);
        match (mode, file) {
            (SslMode::VerifyFull, Some(file)) => Ok(Self::VerifyFull(Authorities::File(file))),
            (SslMode::VerifyFull, None) => Ok(Self::VerifyFull(Authorities::System)),
            (SslMode::VerifyCa, Some(file)) => Ok(Self::VerifyCa(file)),
            (SslMode::VerifyCa, None) => Err(TlsError::NoAuthority),
            _ if sslrootcert.is_some() => Err(TlsError::Unchecked(mode)),
            (SslMode::Disable, _) => Ok(Self::Disable),
            (SslMode::Prefer, _) => Ok(Self::Prefer),
            (SslMode::Require, _) => Ok(Self::Require),
        }
    }

    /// The same from the words themselves, as they stand in a URL.
    pub(super) fn from_words(
        sslmode: Option<&str>,
        sslrootcert: Option<&str>,
    ) -> Result<Self, TlsError> {
        let mode = match sslmode {
            None => SslMode::Prefer,
            Some(word) => SslMode::from_str(word)
                .map_err(|_unknown| TlsError::UnknownMode(word.chars().take(80).collect()))?,
        };
        Self::new(mode, sslrootcert)
    }

    /// The part that tokio-postgres itself has to know.
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::Disable => Wanted::Disable,
            Self::Prefer => Wanted::Prefer,
            Self::Require | Self::VerifyCa(_) | Self::VerifyFull(_) => Wanted::Require,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sslmode: Option<&str>, sslrootcert: Option<&str>) -> String {
        Tls::from_words(sslmode, sslrootcert).unwrap_err().to_string()
    }

    #[test]
    fn each_mode_of_libpq_has_its_meaning() {
        let file = || PathBuf::from("/etc/ca.pem");
        let table = [
            (None, None, Tls::Prefer),
            (Some("disable"), None, Tls::Disable),
            (Some("prefer"), None, Tls::Prefer),
            (Some("require"), None, Tls::Require),
            (Some("verify-ca"), Some("/etc/ca.pem"), Tls::VerifyCa(file())),
            (Some("verify-full"), None, Tls::VerifyFull(Authorities::System)),
            (Some("verify-full"), Some("system"), Tls::VerifyFull(Authorities::System)),
            (Some("verify-full"), Some("/etc/ca.pem"), Tls::VerifyFull(Authorities::File(file()))),
        ];
        for (sslmode, sslrootcert, expected) in table {
            assert_eq!(Tls::from_words(sslmode, sslrootcert).unwrap(), expected);
        }
    }

    #[test]
    fn an_unknown_mode_is_told_the_known_ones() {
        for word in ["allow", "VERIFY-FULL", "", "true"] {
            let said = told(Some(word), None);
            let expected = "is unknown: write disable, prefer, require, verify-ca or verify-full";
            assert!(said.starts_with(&format!("sslmode '{word}' {expected}")), "{said}");
        }
    }

    #[test]
    fn an_authority_that_nothing_is_checked_against_is_refused() {
        for mode in [None, Some("disable"), Some("prefer"), Some("require")] {
            for authority in ["/etc/ca.pem", "system"] {
                assert!(told(mode, Some(authority)).starts_with("sslrootcert has no effect with"));
            }
        }
        for authority in [None, Some("system")] {
            assert!(told(Some("verify-ca"), authority).starts_with("sslrootcert is missing"));
        }
    }
}
