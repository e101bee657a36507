use std::{
    env,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use lablink_embedded_postgres::{EmbeddedPostgres, Settings};
use tempfile::TempDir;
use tokio_postgres::{Config, NoTls, config::Host};

const PREFIX: &str = "lablink-test-db-";
const OWNER: &str = "owner.lock";
const ROLE: &str = "lablink_test";

/// A Postgres server of its own, in a temporary folder.
pub struct ThrowAway {
    dir: TempDir,
    postgres: EmbeddedPostgres,
    /// Locked while we live: how the next run tells our folder from a dead one's.
    _owner: File,
}

impl ThrowAway {
    /// Starts a server with these settings beside ours, after removing those whose run was killed.
    pub async fn start(options: &[(&str, &str)]) -> anyhow::Result<Self> {
        sweep().await?;
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // Started by root, the server runs as user postgres, who must get in, whatever the umask.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let owner = own(dir.path())?;
        let postgres = EmbeddedPostgres::start(settings(dir.path(), options)).await?;
        let (client, connection) = postgres.superuser_config().connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("ALTER ROLE {ROLE} CREATEDB")).await?;
        drop(client);
        connection.await??;
        Ok(Self { dir, postgres, _owner: owner })
    }

    /// The URL of the maintenance database.
    pub fn url(&self) -> anyhow::Result<String> {
        let config = self.postgres.config();
        let Some(Host::Unix(socket_dir)) = config.get_hosts().first() else {
            anyhow::bail!("the embedded Postgres has no socket");
        };
        let host = socket_dir.to_str().context("the socket's path is no UTF-8")?;
        Ok(format!("postgresql://{ROLE}@{}/{ROLE}", host.replace('/', "%2F")))
    }

    /// How to connect to the maintenance database as the role of the tests, who owns it.
    pub fn config(&self) -> Config {
        self.postgres.config()
    }

    /// How to connect to it as the superuser.
    pub fn superuser_config(&self) -> Config {
        self.postgres.superuser_config()
    }

    /// The file that the server writes its log to.
    pub fn log(&self) -> PathBuf {
        data_dir(self.dir.path()).join("postgres.log")
    }

    /// Stops the server and removes its folder.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.postgres.stop().await?;
        Ok(self.dir.close()?)
    }
}

fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Nothing here has to outlast a crash, so nothing waits for the disk.
fn settings(dir: &Path, options: &[(&str, &str)]) -> Settings {
    let ours = [
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_connections", "300"),
    ];
    let options = ours.iter().chain(options);
    Settings {
        data_dir: data_dir(dir),
        dbname: ROLE.to_owned(),
        user: ROLE.to_owned(),
        password: None,
        options: options.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// The file appears under its name only when it is locked.
fn own(dir: &Path) -> anyhow::Result<File> {
    let unlocked = dir.join("owner.new");
    let file = File::create(&unlocked)?;
    file.lock()?;
    fs::rename(unlocked, dir.join(OWNER))?;
    Ok(file)
}

async fn sweep() -> anyhow::Result<()> {
    for entry in fs::read_dir(env::temp_dir())? {
        let dir = entry?.path();
        let is_ours =
            dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // Another user's we can't open, a new one has no lock yet, a live one is locked.
        let Ok(owner) = File::open(dir.join(OWNER)) else { continue };
        if is_ours
            && owner.try_lock().is_ok()
            && let Err(error) = clear(&dir).await
        {
            // No reason not to test; the next run tries again.
            writeln!(io::stderr(), "cannot remove {}: {error:#}", dir.display())?;
        }
    }
    Ok(())
}

async fn clear(dir: &Path) -> anyhow::Result<()> {
    let data_dir = data_dir(dir);
    if data_dir.join("postgres/postmaster.pid").exists() {
        EmbeddedPostgres::start(settings(dir, &[])).await?.stop().await?;
    }
    // Before the lock that shows us the folder: an initdb that still runs may resist.
    if data_dir.exists() {
        fs::remove_dir_all(data_dir)?;
    }
    Ok(fs::remove_dir_all(dir)?)
}
