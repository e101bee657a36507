use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lablink_embedded_postgres::{EmbeddedPostgres, Settings};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls, config::Host};

/// How a server is made to end.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Open transactions are rolled back.
    Fast,
    /// As when it crashes: the next start recovers.
    Immediate,
}

/// A private server, which allocators reach through proxies alone.
pub struct Postgres {
    settings: Settings,
    owner: Config,
    superuser: Config,
    socket: PathBuf,
    server: Mutex<Option<EmbeddedPostgres>>,
}

impl Postgres {
    pub async fn start(folder: &Path) -> Result<Self> {
        // A machine that loses its power is not among the faults, so nothing waits for the disk.
        let options = [("max_connections", "300"), ("fsync", "off"), ("full_page_writes", "off")];
        let settings = Settings {
            data_dir: folder.join("database"),
            dbname: "lablink_db".to_owned(),
            user: "lablink".to_owned(),
            password: None,
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let server = EmbeddedPostgres::start(settings.clone()).await?;
        let (owner, superuser) = (server.config(), server.superuser_config());
        let port = owner.get_ports().first().copied().unwrap_or(5432);
        let Some(Host::Unix(directory)) = owner.get_hosts().first() else {
            anyhow::bail!("the server has no socket");
        };
        let socket = directory.join(format!(".s.PGSQL.{port}"));
        Ok(Self { settings, owner, superuser, socket, server: Mutex::new(Some(server)) })
    }

    /// It stays where it is when the server is started again.
    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// Beside all proxies.
    pub async fn connect(&self) -> Result<Client> {
        connect(&self.owner).await
    }

    /// Ends a part of what allocators have open. Answers how many connections that were.
    pub async fn terminate_backends(&self, part: f64) -> Result<u64> {
        let client = connect(&self.superuser).await?;
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                   where application_name like 'lablink%' and random() < $1";
        Ok(client.execute(sql, &[&part]).await?)
    }

    /// Stops the server, and starts it again after a while. It takes connections at the end.
    pub async fn restart(&self, how: Stop, away: Duration) -> Result<()> {
        let mut held = self.server.lock().await;
        let server = held.take().context("the server does not run")?;
        match how {
            Stop::Fast => server.stop().await?,
            Stop::Immediate => {
                let mut server = server;
                kill(self.pid()?, Signal::SIGQUIT)?;
                let _why = server.exited().await;
            }
        }
        tokio::time::sleep(away).await;
        *held = Some(EmbeddedPostgres::start(self.settings.clone()).await?);
        Ok(())
    }

    pub async fn stop(&self) -> Result<()> {
        if let Some(server) = self.server.lock().await.take() {
            server.stop().await?;
        }
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        let noted = fs::read_to_string(self.settings.data_dir.join("postgres/postmaster.pid"))?;
        let pid: i32 = noted.lines().next().unwrap_or_default().trim().parse()?;
        ensure!(pid > 1, "no server's pid: {pid}");
        Ok(Pid::from_raw(pid))
    }
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client; its errors reach the client's caller.
    tokio::spawn(connection);
    Ok(client)
}
