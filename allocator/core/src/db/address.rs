use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, Error};

use super::{
    Server,
    tls::{Tls, TlsError},
};

/// Why a text names no server.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(
        "this is no PostgreSQL address: write \
         postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full"
    )]
    Address(#[source] Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// The server that a URL names, as libpq reads it. `sslmode` and `sslrootcert` are read here:
    /// tokio-postgres knows but three modes, and no authorities.
    pub fn from_url(url: &str) -> Result<Self, AddressError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            // libpq's other form, "host=… sslmode=require", with those three modes.
            return Ok(Self::from(url.parse::<Config>().map_err(AddressError::Address)?));
        }
        let (url, words) = take_words(url);
        let tls = Tls::from_words(words.sslmode.as_deref(), words.sslrootcert.as_deref())?;
        let config = url.parse().map_err(AddressError::Address)?;
        Ok(Self::new(config, &tls)?)
    }
}

#[derive(Default)]
struct Words {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

/// Takes the parameters that are read here out of a URL.
fn take_words(url: &str) -> (String, Words) {
    let mut words = Words::default();
    // As tokio-postgres reads it: a password may hold a question mark.
    let host = url.find('@').unwrap_or(0);
    let Some(query) = url[host..].find('?').map(|at| host + at) else {
        return (url.to_owned(), words);
    };
    let mut rest = Vec::new();
    for parameter in url[query + 1..].split('&') {
        let decoded = |value| Some(percent_decode_str(value).decode_utf8_lossy().into_owned());
        match parameter.split_once('=') {
            Some(("sslmode", value)) => words.sslmode = decoded(value),
            Some(("sslrootcert", value)) => words.sslrootcert = decoded(value),
            _ => rest.push(parameter),
        }
    }
    let base = &url[..query];
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, words)
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, SslMode};

    use super::*;

    #[test]
    fn a_url_keeps_all_but_the_words_of_tls() {
        let url = "postgresql://ada:a?b=1%40@db.example.org:6432/class?sslmode=verify-full\
                   &application_name=x%26y&sslrootcert=%2Fetc%2Fca%20s.pem&connect_timeout=3";
        let (rest, words) = take_words(url);
        assert_eq!(
            rest,
            "postgresql://ada:a?b=1%40@db.example.org:6432/class?application_name=x%26y\
             &connect_timeout=3"
        );
        assert_eq!(words.sslmode.as_deref(), Some("verify-full"));
        assert_eq!(words.sslrootcert.as_deref(), Some("/etc/ca s.pem"));
        let (rest, _) = take_words("postgres://db/class?sslmode=disable");
        assert_eq!(rest, "postgres://db/class");
    }

    #[test]
    fn each_mode_reaches_the_connection() {
        let table = [
            ("postgresql://db.example.org/class", SslMode::Prefer),
            ("postgresql://db.example.org/class?sslmode=disable", SslMode::Disable),
            ("postgresql://db.example.org/class?sslmode=require", SslMode::Require),
            ("postgresql://db.example.org/class?sslmode=verify-full", SslMode::Require),
            ("host=db.example.org sslmode=require", SslMode::Require),
        ];
        for (url, expected) in table {
            let server = Server::from_url(url).unwrap();
            assert_eq!(server.config().get_ssl_mode(), expected, "{url}");
            assert_eq!(server.config().get_hosts(), [Host::Tcp("db.example.org".into())]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let table = [
            ("postgresql://ada:hunter2@db/class?sslmode=full", "sslmode 'full' is unknown"),
            ("postgresql://ada:hunter2@db/class?sslrootcert=/x", "sslrootcert has no effect"),
            ("postgresql://ada:hunter2@db/class?sslmode=verify-ca", "sslrootcert is missing"),
            ("postgresql://ada:hunter2@db/class?sslcert=/x", "this is no PostgreSQL address"),
            ("ada:hunter2", "this is no PostgreSQL address"),
        ];
        for (url, expected) in table {
            let Err(error) = Server::from_url(url) else { panic!("{url} was taken") };
            assert!(error.to_string().starts_with(expected), "{url}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
