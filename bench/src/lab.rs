use std::path::PathBuf;

use anyhow::{Context, Result};
use lablink_embedded_postgres::{EmbeddedPostgres, Settings};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls, config::Host};

/// A Postgres server and a folder, for one allocator after the other.
pub struct Lab {
    postgres: EmbeddedPostgres,
    pub folder: TempDir,
}

impl Lab {
    pub async fn open() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lablink-bench-").tempdir()?;
        // As root, Postgres is another user who must pass through.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(folder.path(), mode)?;
        let options = [("max_connections", "300"), ("track_activity_query_size", "16384")];
        let postgres = EmbeddedPostgres::start(Settings {
            data_dir: folder.path().to_owned(),
            dbname: "lablink_db".to_owned(),
            user: "lablink".to_owned(),
            password: None,
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })
        .await?;
        Ok(Self { postgres, folder })
    }

    pub async fn close(self) -> Result<()> {
        Ok(self.postgres.stop().await?)
    }

    pub fn database(&self) -> Config {
        self.postgres.config()
    }

    /// Where the server listens: the folder of its socket, and its port.
    pub fn address(&self) -> Result<(PathBuf, u16)> {
        let config = self.database();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first().context("no host")? {
            Host::Unix(path) => Ok((path.clone(), port)),
            Host::Tcp(name) => Ok((name.into(), port)),
        }
    }

    pub async fn connect(&self) -> Result<Client> {
        let (client, connection) = self.database().connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A pool of so many VMs that run and are free, and nothing else. Answers the pool's id.
    pub async fn fill(&self, vms: u32) -> Result<i64> {
        let client = self.connect().await?;
        client.batch_execute("truncate vm cascade").await?;
        let pool = client.query_one("select id from pool where environment = 'dev'", &[]).await?;
        let pool: i64 = pool.try_get("id")?;
        client
            .execute(
                "insert into vm (pool_id, hostname, number, source, status)
                 select $1, 'lablink-vm-dev-' || n, n, 'local', 'running'
                 from generate_series(1, $2::int) as n",
                &[&pool, &i32::try_from(vms)?],
            )
            .await?;
        client.batch_execute("vacuum analyze").await?;
        Ok(pool)
    }
}
