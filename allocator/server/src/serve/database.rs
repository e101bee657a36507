use std::time::Duration;

use anyhow::{Context, Result};
use lablink_config::Config;
use lablink_core::{
    db::{ConnectError, Server},
    schema::{self, MigrateError},
};
use lablink_embedded_postgres::{EmbeddedPostgres, Password, Settings};
use tokio::{task::JoinHandle, time::Instant};
use tokio_postgres::Config as Connection;
use tokio_util::sync::CancellationToken;

use super::{places::Places, settings::variable};

/// How long to wait at start for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(500);

/// The PostgreSQL server in use: a given one, or the embedded one.
pub struct Database {
    pub server: Server,
    embedded: Option<Keeper>,
}

/// The task that keeps the embedded server running.
struct Keeper {
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Database {
    /// Uses `DATABASE_URL`, else the config's `db` section, else the embedded server. The embedded
    /// server, with the section's names and password, also if it is asked for.
    pub async fn open(config: &Config, places: &Places, embedded: bool) -> Result<Self> {
        match (variable("DATABASE_URL"), &config.db) {
            (Some(url), _) if !embedded => {
                let server = Server::from_url(&url).context("DATABASE_URL can't be used")?;
                Ok(Self { server, embedded: None })
            }
            (_, Some(db)) if !embedded => {
                let mut connection = Connection::new();
                connection.host(&db.host).port(db.port).dbname(&db.dbname);
                connection.user(&db.user).password(db.password.expose());
                let tls = db.tls().and_then(|tls| Server::new(connection, &tls));
                Ok(Self { server: tls.context("the section db can't be used")?, embedded: None })
            }
            (_, section) => {
                let (dbname, user, password) = match section {
                    Some(db) => (&*db.dbname, &*db.user, Some(Password::new(db.password.expose()))),
                    None => ("lablink_db", "lablink", None),
                };
                let settings = Settings {
                    data_dir: places.data_dir.clone(),
                    dbname: dbname.to_owned(),
                    user: user.to_owned(),
                    password,
                    options: Vec::new(),
                };
                Self::open_embedded(settings).await
            }
        }
    }

    async fn open_embedded(settings: Settings) -> Result<Self> {
        let postgres = EmbeddedPostgres::start(settings.clone()).await?;
        let server = postgres.config().into();
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(postgres, settings, stop.clone()));
        Ok(Self { server, embedded: Some(Keeper { stop, task }) })
    }

    /// Brings the schema up to date, waiting for a server that is still starting.
    pub async fn migrate(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match schema::migrate(&self.server).await {
                // Waiting does not help if TLS does not fit.
                Err(MigrateError::Connect(
                    error @ (ConnectError::Failed(_) | ConnectError::Silent(_)),
                )) if Instant::now() < deadline => {
                    tracing::info!(
                        error = &error as &dyn std::error::Error,
                        "waiting for the database"
                    );
                    tokio::time::sleep(RETRY).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Stops the embedded server, if it is in use.
    pub async fn close(self) -> Result<()> {
        if let Some(keeper) = self.embedded {
            keeper.stop.cancel();
            keeper.task.await.context("the embedded PostgreSQL's keeper failed")??;
        }
        Ok(())
    }
}

/// Starts the server again whenever it ends by itself, until `stop`.
async fn keep(
    mut server: EmbeddedPostgres,
    settings: Settings,
    stop: CancellationToken,
) -> Result<()> {
    loop {
        let ended = tokio::select! {
            ended = server.exited() => ended,
            () = stop.cancelled() => return Ok(server.stop().await?),
        };
        tracing::error!(
            error = &ended as &dyn std::error::Error,
            "the embedded PostgreSQL ended; starting it again"
        );
        drop(server);
        server = loop {
            match EmbeddedPostgres::start(settings.clone()).await {
                Ok(server) => break server,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the embedded PostgreSQL does not start"
                    );
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return Ok(()),
            }
        };
    }
}
