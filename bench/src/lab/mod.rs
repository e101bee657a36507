//! A Postgres server and a folder, for one allocator after the other.

mod fill;
mod recording;

use std::path::PathBuf;

use anyhow::{Context, Result};
use lablink_embedded_postgres::{EmbeddedPostgres, Settings};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls, config::Host};

pub use recording::Statement;

use crate::process;

pub struct BenchLab {
    postgres: EmbeddedPostgres,
    pub folder: TempDir,
    /// The allocator that is measured.
    pub program: PathBuf,
}

impl BenchLab {
    pub async fn open(program: PathBuf) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lablink-bench-").tempdir()?;
        // As root, Postgres is another user who must pass through.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(folder.path(), mode)?;
        let options = [("max_connections", "300")];
        let postgres = EmbeddedPostgres::start(Settings {
            data_dir: folder.path().to_owned(),
            dbname: "lablink_db".to_owned(),
            user: "lablink".to_owned(),
            password: None,
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })
        .await?;
        Ok(Self { postgres, folder, program })
    }

    pub async fn close(self) -> Result<()> {
        Ok(self.postgres.stop().await?)
    }

    /// Where the server listens: the folder of its socket, and its port.
    pub fn address(&self) -> Result<(PathBuf, u16)> {
        let config = self.postgres.config();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first().context("no host")? {
            Host::Unix(path) => Ok((path.clone(), port)),
            Host::Tcp(name) => Ok((name.into(), port)),
        }
    }

    pub async fn connect(&self) -> Result<Client> {
        connect(self.postgres.config()).await
    }

    pub async fn superuser(&self) -> Result<Client> {
        connect(self.postgres.superuser_config()).await
    }

    /// Processor time so far of all of the server's processes that run now.
    pub async fn processor_time(&self) -> Result<std::time::Duration> {
        let rows = self.superuser().await?.query("select pid from pg_stat_activity", &[]).await?;
        let pids: Vec<i32> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        // The connection that asked is gone by now.
        Ok(pids.iter().filter_map(|pid| process::processor_time(pid.unsigned_abs()).ok()).sum())
    }
}

async fn connect(config: Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
