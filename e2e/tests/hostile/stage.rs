use std::{
    env, fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lablink_e2e::{free_port, programs};
use reqwest::{Client, redirect};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_postgres::{Config, NoTls, config::Host};

use crate::people::{CODE, Caller};

/// Names the server of the tests' databases; `make test` starts one.
const SERVER: &str = "LABLINK_TEST_DATABASE_URL";
/// Names another build of the allocator, to measure that.
const PROGRAM: &str = "LABLINK_HOSTILE_PROGRAM";

/// An allocator with machines that nobody has to run, on a database of its own whose time can be
/// moved on: what would take hours takes seconds, in the allocator's own SQL.
pub struct Stage {
    pub http: Client,
    pub base: String,
    database: tokio_postgres::Client,
    /// How far time was moved on.
    pub passed: Duration,
    _allocator: Child,
    _folder: TempDir,
}

impl Stage {
    /// With `machines` that are free, and these lines in the configuration.
    pub async fn open(machines: u32, config: &str) -> Result<Self> {
        let server: Config = env::var(SERVER)
            .with_context(|| format!("{SERVER} is not set: run `make test`"))?
            .parse()?;
        let name = format!("hostile_{:016x}", rand::random::<u64>());
        let maintenance = connect(&server).await?;
        maintenance.batch_execute(&format!("create database {name}")).await?;
        let folder = tempfile::Builder::new().prefix("lablink-hostile-").tempdir()?;
        let file = folder.path().join("config.yaml");
        // A trusted proxy says who calls, so that one machine can play them all.
        let proxy = "provider: manual\nproxy: {trusted: 127.0.0.1}\n";
        fs::write(&file, format!("{proxy}{config}"))?;
        let program = env::var_os(PROGRAM).map(PathBuf::from);
        let program = program.map_or_else(|| programs::built("lablink-allocator"), Ok)?;
        let port = free_port()?;
        let allocator = Command::new(program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(&file)
            .env_clear()
            .envs(env::var_os("HOME").map(|home| ("HOME", home)))
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("ENVIRONMENT", "dev")
            .env("ADMIN_PASSWORD", "a password of the stage")
            .env("LABLINK_DATA_DIR", folder.path().join("data"))
            .env("DATABASE_URL", address(&server, &name)?)
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut own = server.clone();
        own.dbname(&name);
        // reqwest wants one, although nothing here is encrypted.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().redirect(redirect::Policy::none()).build()?;
        let base = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while !http.get(format!("{base}/readyz")).send().await.is_ok_and(|it| it.status() == 200) {
            if began.elapsed() > Duration::from_secs(30) {
                bail!("the allocator does not start");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let database = connect(&own).await?;
        let sql = "insert into vm (pool_id, hostname, source, status)
                   select pool.id, 'desk-' || n, 'manual', 'running'
                   from pool, generate_series(1, $1::int) as n";
        database.execute(sql, &[&i32::try_from(machines)?]).await?;
        let passed = Duration::ZERO;
        Ok(Self { http, base, database, passed, _allocator: allocator, _folder: folder })
    }

    /// Moves time on, and lets the line be served: what the database has noted lies further back.
    pub async fn pass(&mut self, time: Duration) -> Result<()> {
        let columns = "select string_agg(format('%1$I = %1$I - $1::float8 * interval ''1 second''',
                           column_name), ', ')
                       from information_schema.columns
                       where table_name = 'place' and data_type like 'timestamp%'";
        let shifts: String = self.database.query_one(columns, &[]).await?.try_get(0)?;
        let sql = format!("update place set {shifts} where ended_at is null");
        self.database.execute(&sql, &[&time.as_secs_f64()]).await?;
        self.passed += time;
        // Somebody who comes and goes makes the allocator look at the line.
        let clock = Caller::new("192.0.2.250".to_owned(), CODE);
        // Another one each time: an earlier program counts all forms of an e-mail.
        let email = format!("clock-{}@example.org", self.passed.as_secs());
        let place = clock.join(self, &email).await?.place;
        let place = place.context("the clock found no place")?;
        clock.post(self, &format!("{place}/leave"), &[]).await?;
        Ok(())
    }

    pub async fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.database.query_one(sql, &[]).await?.try_get(0)?)
    }
}

async fn connect(config: &Config) -> Result<tokio_postgres::Client> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn address(server: &Config, database: &str) -> Result<String> {
    let host = match server.get_hosts().first().context("the server has no address")? {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let port = server.get_ports().first().copied().unwrap_or(5432);
    let user = server.get_user().context("the server's address names no user")?;
    let mut address = format!("host={host} port={port} user={user} dbname={database}");
    if let Some(password) = server.get_password() {
        address += &format!(" password={}", String::from_utf8_lossy(password));
    }
    Ok(address)
}
