use std::path::{Path, PathBuf};

use tokio::time::{Duration, Instant, sleep, timeout_at};
use tokio_postgres::{Client, Config, NoTls};

use crate::{
    EmbeddedPostgresError, Result,
    account::Account,
    bootstrap, cluster, hba,
    layout::Layout,
    leftover,
    locks::{self, UsersLock},
    log,
    process::Process,
    run_dir,
    settings::Settings,
    superuser::SUPERUSER,
};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// For one try, between two looks at whether the server still lives.
const ADOPT_TIMEOUT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);

/// A running server. Dropping the handle leaves the server running, to be adopted by the next
/// [`EmbeddedPostgres::start`]; [`EmbeddedPostgres::stop`] ends it.
pub struct EmbeddedPostgres {
    layout: Layout,
    server: Server,
    config: Config,
    users: UsersLock,
}

struct Server {
    process: Process,
    socket_dir: PathBuf,
}

impl EmbeddedPostgres {
    /// Starts the server, or adopts the one that runs already, and makes role and database.
    ///
    /// Waits up to a minute for a server that recovers from a crash, and for one that is shutting
    /// down. A server that was started but can't be used is stopped again, except one that is
    /// just slow.
    pub async fn start(settings: Settings) -> Result<Self> {
        settings.check()?;
        let layout = Layout::of(&settings.data_dir)?;
        let account = Account::of_server()?;
        let _starting = locks::exclusive(&layout).await?;

        let mut server = match adopt(&layout).await? {
            Some(server) => server,
            None => spawn(&layout, account, &settings).await?,
        };
        match server.offer(&layout, account, &settings).await {
            Ok(config) => {
                let users = UsersLock::join(&layout)?;
                Ok(Self { layout, server, config, users })
            }
            Err(error) => {
                let slow = matches!(error, EmbeddedPostgresError::NotReady { .. });
                if !slow && matches!(server.process, Process::Spawned(_)) {
                    server.stop().await?;
                }
                Err(error)
            }
        }
    }

    /// How to connect to the database as its owner. Holds the password, which its `Debug` hides.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// How to connect to the maintenance database as the cluster's superuser.
    pub fn superuser_config(&self) -> Config {
        self.server.superuser_config()
    }

    /// Returns when the server has ended by itself, or because somebody else ended it; the error
    /// quotes the end of its log.
    pub async fn exited(&mut self) -> EmbeddedPostgresError {
        match self.server.process.ended().await {
            Ok(()) => EmbeddedPostgresError::Ended { log: log::tail(&self.layout.log()) },
            Err(error) => error,
        }
    }

    /// Stops the server, started by us or adopted, unless another allocator uses it as well:
    /// the last one stops it.
    pub async fn stop(mut self) -> Result<()> {
        let _stopping = locks::exclusive(&self.layout).await?;
        if self.users.leave() {
            self.server.stop().await
        } else {
            tracing::info!("the embedded PostgreSQL runs on: another allocator uses it");
            Ok(())
        }
    }
}

impl Server {
    fn superuser_config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(&self.socket_dir).port(run_dir::PORT).user(SUPERUSER).dbname("postgres");
        config
    }

    /// Waits until the server answers, makes what `settings` ask for and tries it out.
    async fn offer(
        &mut self,
        layout: &Layout,
        account: Account,
        settings: &Settings,
    ) -> Result<Config> {
        let superuser = self.superuser_config();
        let superuser = self.connect(&superuser, &layout.log()).await?;
        if matches!(self.process, Process::Adopted { .. }) {
            hba::write(&layout.cluster(), account, settings.password.as_ref())?;
            let reload = superuser.batch_execute("SELECT pg_reload_conf()").await;
            reload.map_err(EmbeddedPostgresError::sql("reload the settings"))?;
        }
        bootstrap::bootstrap(&superuser, settings).await?;

        let mut config = Config::new();
        config.host_path(&self.socket_dir).port(run_dir::PORT);
        config.user(&settings.user).dbname(&settings.dbname);
        if let Some(password) = &settings.password {
            config.password(password.reveal());
        }
        self.connect(&config, &layout.log()).await?;
        Ok(config)
    }

    /// Connects as soon as the server lets us.
    async fn connect(&mut self, config: &Config, log: &Path) -> Result<Client> {
        tokio::select! {
            ended = self.process.ended() => {
                ended?;
                Err(EmbeddedPostgresError::Ended { log: log::tail(log) })
            }
            client = connect_within(READY_TIMEOUT, config) => {
                client.map_err(|source| not_ready(log, source))
            }
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.process.stop().await?;
        run_dir::remove(&self.socket_dir);
        Ok(())
    }
}

/// The server that runs on this cluster already. One that is shutting down is waited for, and is
/// then none.
async fn adopt(layout: &Layout) -> Result<Option<Server>> {
    let cluster = layout.cluster();
    let deadline = Instant::now() + READY_TIMEOUT;
    let mut error = None;
    while let Some(leftover) = leftover::find(&cluster) {
        if let Some(socket_dir) = leftover.socket_dir {
            let process = Process::Adopted { pid: leftover.pid, cluster: cluster.clone() };
            let server = Server { process, socket_dir };
            match connect_within(ADOPT_TIMEOUT, &server.superuser_config()).await {
                Ok(_) => {
                    tracing::info!(pid = leftover.pid.as_raw(), "adopted the running PostgreSQL");
                    return Ok(Some(server));
                }
                Err(source) => error = source,
            }
        }
        if Instant::now() > deadline {
            return Err(not_ready(&layout.log(), error));
        }
        sleep(POLL).await;
    }
    Ok(None)
}

async fn spawn(layout: &Layout, account: Account, settings: &Settings) -> Result<Server> {
    let binaries = cluster::prepare(layout, account).await?;
    let socket_dir = run_dir::create(layout, account)?;
    leftover::clear(&layout.cluster()).await?;
    run_dir::clear(&socket_dir);
    hba::write(&layout.cluster(), account, settings.password.as_ref())?;
    let process = Process::spawn(layout, account, &binaries, &socket_dir, &settings.options)?;
    Ok(Server { process, socket_dir })
}

/// Tries until `patience` ends, and then gives the last reason, if there was any.
async fn connect_within(
    patience: Duration,
    config: &Config,
) -> Result<Client, Option<tokio_postgres::Error>> {
    let deadline = Instant::now() + patience;
    let mut last = None;
    loop {
        match timeout_at(deadline, config.connect(NoTls)).await {
            Ok(Ok((client, connection))) => {
                // Ends with the client; its errors reach the client's caller.
                tokio::spawn(connection);
                return Ok(client);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_elapsed) => return Err(last),
        }
        if timeout_at(deadline, sleep(POLL)).await.is_err() {
            return Err(last);
        }
    }
}

fn not_ready(log: &Path, source: Option<tokio_postgres::Error>) -> EmbeddedPostgresError {
    EmbeddedPostgresError::NotReady { after: READY_TIMEOUT, log: log::tail(log), source }
}
