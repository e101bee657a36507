use std::{error::Error as _, io, time::Duration};

use tokio_postgres::{Client, Config, Connection, Error, Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connector,
    tls::{Tls, TlsError},
};

/// A Postgres server: where it is, who we are there, and how the connection is protected.
#[derive(Clone)]
pub struct Server {
    config: Config,
    tls: MakeRustlsConnect,
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot connect to the database")]
    Failed(#[source] Error),
    #[error("the database has said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error(
        "the database's TLS is not what sslmode asks for: correct sslmode, sslrootcert or the \
         host, or the server"
    )]
    Tls(#[source] Error),
}

/// For all of it; the limit that tokio-postgres keeps is TCP's alone, without TLS and login.
const LIMIT: Duration = Duration::from_secs(5);

type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

impl Server {
    /// Reads the certificates that `tls` names, once.
    pub fn new(mut config: Config, tls: &Tls) -> Result<Self, TlsError> {
        config.ssl_mode(tls.wanted());
        Ok(Self { config, tls: connector::for_tls(tls)? })
    }

    /// A connection of its own, beside the pool's, to be driven by the caller.
    pub(crate) async fn connect(
        &self,
        application_name: &str,
    ) -> Result<(Client, Driver), ConnectError> {
        let mut config = self.config.clone();
        let connecting = config.application_name(application_name).connect(self.tls());
        match tokio::time::timeout(LIMIT, connecting).await {
            Ok(connected) => connected.map_err(|error| match is_about_tls(&error) {
                true => ConnectError::Tls(error),
                false => ConnectError::Failed(error),
            }),
            Err(_elapsed) => Err(ConnectError::Silent(LIMIT)),
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }
}

/// Protected as the configuration itself says (`disable`, `prefer`, `require`), whoever the
/// server is.
impl From<Config> for Server {
    fn from(config: Config) -> Self {
        Self { config, tls: connector::unchecked() }
    }
}

/// Whether the two sides can't agree on TLS, which waiting does not mend, as it does a connection
/// that is lost half way. tokio-postgres tells this kind of error by its text alone.
fn is_about_tls(error: &Error) -> bool {
    let lost = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let is_lost =
        lost.is_some_and(|io| !io.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()));
    error.to_string() == "error performing TLS handshake" && !is_lost
}
