use std::{error::Error as _, io, time::Duration};

use tokio::sync::watch;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connector,
    dial::{Driver, dial},
    limits,
    tls::{Tls, TlsError},
};

/// A Postgres server: its address, our role there, and how the connection is protected.
#[derive(Clone)]
pub struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    /// Signals that all connections are to be given up.
    cut: watch::Sender<()>,
}

/// Why a connection failed.
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

impl Server {
    /// Reads the certificates that `tls` names, once.
    pub fn new(mut config: Config, tls: &Tls) -> Result<Self, TlsError> {
        config.ssl_mode(tls.wanted());
        Ok(Self { config, tls: connector::for_tls(tls)?, cut: watch::Sender::new(()) })
    }

    /// A connection of its own, beside the pool's, to be driven by the caller. `silence` is how
    /// long the server may say nothing while it owes an answer.
    pub(crate) async fn connect(
        &self,
        application_name: &str,
        silence: Duration,
    ) -> Result<(Client, Driver), ConnectError> {
        let mut config = self.config.clone();
        config.application_name(application_name);
        match tokio::time::timeout(limits::CONNECT, dial(&config, &self.tls, silence)).await {
            Ok(Err(error)) if is_silence(&error) => Err(ConnectError::Silent(limits::CONNECT)),
            Ok(connected) => connected.map_err(|error| match is_about_tls(&error) {
                true => ConnectError::Tls(error),
                false => ConnectError::Failed(error),
            }),
            Err(_elapsed) => Err(ConnectError::Silent(limits::CONNECT)),
        }
    }

    /// Gives up all connections that were made through this server and its clones: the way to it
    /// has fallen silent, and no answer comes.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }

    /// Waits for the next [`Self::cut`].
    pub(super) fn cuts(&self) -> watch::Receiver<()> {
        self.cut.subscribe()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }
}

/// Protected as the configuration itself says (`disable`, `prefer`, `require`), without a check of
/// who the server is.
impl From<Config> for Server {
    fn from(config: Config) -> Self {
        Self { config, tls: connector::unchecked(), cut: watch::Sender::new(()) }
    }
}

fn is_silence(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
}

/// Whether the two sides can't agree on TLS. Waiting does not help then, unlike with a connection
/// that is lost half way. tokio-postgres shows this kind of error only in its text.
fn is_about_tls(error: &Error) -> bool {
    let lost = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let is_lost =
        lost.is_some_and(|io| !io.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()));
    error.to_string() == "error performing TLS handshake" && !is_lost
}
