//! The embedded server, for real: needs Postgres's binaries, and user `postgres` when run as
//! root.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests share fails as a test does")]

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lablink_embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresError, Password, Settings};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, NoTls};

/// A data directory that user `postgres` can enter; the server in it ends with the test.
struct DataDir(TempDir);

impl DataDir {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("lablink-embedded-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        Self(dir)
    }

    fn cluster(&self) -> PathBuf {
        self.0.path().join("postgres")
    }

    fn settings(&self) -> Settings {
        Settings {
            data_dir: self.0.path().to_owned(),
            dbname: "lablink \"db\"".to_owned(),
            user: "lab link".to_owned(),
            password: None,
            options: vec![("fsync".to_owned(), "off".to_owned())],
        }
    }

    async fn start(&self) -> EmbeddedPostgres {
        EmbeddedPostgres::start(self.settings()).await.unwrap()
    }

    fn server_pid(&self) -> Pid {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap();
        Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.cluster().join("postmaster.pid").exists() {
            let _ = kill(self.server_pid(), Signal::SIGKILL);
        }
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count_rows(postgres: &EmbeddedPostgres) -> i64 {
    let client = connect(&postgres.config()).await;
    client.query_one("SELECT count(*) FROM kept", &[]).await.unwrap().get(0)
}

async fn keep_a_row(postgres: &EmbeddedPostgres) {
    let client = connect(&postgres.config()).await;
    client.batch_execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").await.unwrap();
}

/// A process of the server's own account that is no server.
fn bystander() -> std::process::Child {
    let mut command = Command::new("sleep");
    if Uid::effective().is_root() {
        command.uid(User::from_name("postgres").unwrap().unwrap().uid.as_raw());
    }
    command.arg("60").spawn().unwrap()
}

fn is_empty_but_for(dir: &Path, names: &[&str]) -> bool {
    fs::read_dir(dir)
        .unwrap()
        .all(|entry| names.contains(&entry.unwrap().file_name().to_str().unwrap()))
}

#[tokio::test]
async fn keeps_data_over_stop_and_start() {
    let dir = DataDir::new();
    let postgres = dir.start().await;
    keep_a_row(&postgres).await;
    let pid = dir.server_pid();
    postgres.stop().await.unwrap();
    assert!(kill(pid, None).is_err());

    let postgres = dir.start().await;
    assert_eq!(count_rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
    let names = ["postgres", "postgres.log", "postgres.lock", "postgres.users"];
    assert!(is_empty_but_for(dir.0.path(), &names));
}

#[tokio::test]
async fn the_role_owns_the_database_and_is_no_superuser() {
    let dir = DataDir::new();
    let postgres = dir.start().await;
    let client = connect(&postgres.config()).await;
    let row = client
        .query_one(
            "SELECT rolsuper, datdba = pg_roles.oid, pg_encoding_to_char(encoding)::text,
                    current_setting('listen_addresses'), lower('Ä')
             FROM pg_roles, pg_database
             WHERE rolname = current_user AND datname = current_database()",
            &[],
        )
        .await
        .unwrap();
    assert!(!row.get::<_, bool>(0));
    assert!(row.get::<_, bool>(1));
    assert_eq!(row.get::<_, &str>(2), "UTF8");
    assert_eq!(row.get::<_, &str>(3), "");
    assert_eq!(row.get::<_, &str>(4), "ä");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_owner_vanished_is_adopted_and_can_be_stopped() {
    let dir = DataDir::new();
    let postgres = dir.start().await;
    keep_a_row(&postgres).await;
    let pid = dir.server_pid();
    drop(postgres);

    let postgres = dir.start().await;
    assert_eq!(dir.server_pid(), pid);
    assert_eq!(count_rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
    assert!(!dir.cluster().join("postmaster.pid").exists());
}

#[tokio::test]
async fn two_at_once_share_one_server_until_the_last_stops_it() {
    let dir = DataDir::new();
    let (one, other) = tokio::join!(dir.start(), dir.start());
    keep_a_row(&one).await;
    one.stop().await.unwrap();
    assert_eq!(count_rows(&other).await, 1);
    other.stop().await.unwrap();
    assert!(!dir.cluster().join("postmaster.pid").exists());
}

#[tokio::test]
async fn recovers_from_a_killed_server_even_with_a_busy_worker() {
    let dir = DataDir::new();
    let mut postgres = dir.start().await;
    keep_a_row(&postgres).await;
    let busy = connect(&postgres.config()).await;
    let busy =
        tokio::spawn(async move { busy.batch_execute("DO 'BEGIN LOOP END LOOP; END'").await });
    sleep(Duration::from_millis(200)).await;

    kill(dir.server_pid(), Signal::SIGKILL).unwrap();
    let error = timeout(Duration::from_secs(5), postgres.exited()).await.unwrap();
    assert!(matches!(error, EmbeddedPostgresError::Ended { .. }));
    drop(postgres);

    let postgres = dir.start().await;
    assert!(busy.await.unwrap().is_err());
    assert_eq!(count_rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn an_adopted_server_that_ends_is_noticed() {
    let dir = DataDir::new();
    drop(dir.start().await);
    let mut postgres = dir.start().await;
    kill(dir.server_pid(), Signal::SIGINT).unwrap();
    let error = timeout(Duration::from_secs(5), postgres.exited()).await.unwrap();
    assert!(error.to_string().contains("shut down"), "{error}");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_shuts_down_is_waited_for() {
    let dir = DataDir::new();
    let postgres = dir.start().await;
    keep_a_row(&postgres).await;
    let pid = dir.server_pid();
    // A smart shutdown lasts until the last client has left.
    let client = connect(&postgres.config()).await;
    kill(pid, Signal::SIGTERM).unwrap();
    drop(postgres);
    let leave = async {
        sleep(Duration::from_millis(700)).await;
        drop(client);
    };
    let (postgres, ()) = tokio::join!(dir.start(), leave);
    assert_ne!(dir.server_pid(), pid);
    assert_eq!(count_rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_is_no_obstacle_even_when_the_id_lives_on() {
    let dir = DataDir::new();
    let postgres = dir.start().await;
    keep_a_row(&postgres).await;
    let stale = fs::read_to_string(dir.cluster().join("postmaster.pid")).unwrap();
    let pid = dir.server_pid().to_string();
    postgres.stop().await.unwrap();

    let mut bystander = bystander();
    let reused = stale.replacen(&pid, &bystander.id().to_string(), 1);
    fs::write(dir.cluster().join("postmaster.pid"), reused).unwrap();
    let postgres = dir.start().await;
    assert_eq!(count_rows(&postgres).await, 1);
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander was left alone");
    postgres.stop().await.unwrap();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_half_done_initdb_leaves_nothing() {
    let dir = DataDir::new();
    let start = tokio::spawn(EmbeddedPostgres::start(dir.settings()));
    let unfinished = || {
        let entries = fs::read_dir(dir.0.path()).unwrap().flatten();
        entries.map(|entry| entry.path()).find(|path| path.join("base").exists())
    };
    let half_done = timeout(Duration::from_secs(10), async {
        loop {
            match unfinished() {
                Some(path) => return path,
                None => sleep(Duration::from_millis(5)).await,
            }
        }
    });
    let half_done = half_done.await.unwrap();
    start.abort();
    assert!(start.await.is_err_and(|error| error.is_cancelled()), "it was in the middle");
    assert!(!dir.cluster().exists());

    // As after a kill -9, which would not even have cleaned up.
    fs::create_dir_all(half_done.join("base")).unwrap();
    let postgres = dir.start().await;
    assert!(!half_done.exists());
    keep_a_row(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_is_asked_of_the_role_from_the_start_that_sets_it() {
    let dir = DataDir::new();
    drop(dir.start().await);

    let password = Some(Password::new("it's \\ \"secret\""));
    let postgres = EmbeddedPostgres::start(Settings { password, ..dir.settings() }).await.unwrap();
    connect(&postgres.config()).await;
    let mut wrong = postgres.config();
    wrong.password("wrong");
    assert!(wrong.connect(NoTls).await.is_err());
    postgres.stop().await.unwrap();

    let password = Some(Password::new("another"));
    let postgres = EmbeddedPostgres::start(Settings { password, ..dir.settings() }).await.unwrap();
    connect(&postgres.config()).await;
    assert!(wrong.connect(NoTls).await.is_err());
    postgres.stop().await.unwrap();
    let log = fs::read_to_string(dir.0.path().join("postgres.log")).unwrap();
    assert!(!log.contains("secret") && !log.contains("another"));
}

async fn refusal(settings: Settings) -> String {
    match EmbeddedPostgres::start(settings).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_server_that_will_not_start_shows_its_log() {
    let dir = DataDir::new();
    let options = vec![("no_such_setting".to_owned(), "1".to_owned())];
    let message = refusal(Settings { options, ..dir.settings() }).await;
    assert!(message.contains("no_such_setting"), "{message}");
}

#[tokio::test]
async fn a_cluster_of_another_version_is_refused() {
    let dir = DataDir::new();
    fs::create_dir(dir.cluster()).unwrap();
    fs::write(dir.cluster().join("PG_VERSION"), "8\n").unwrap();
    let message = refusal(dir.settings()).await;
    assert!(message.contains("PostgreSQL 8") && message.contains("postgresql-8"), "{message}");
}

#[tokio::test]
async fn a_folder_of_something_else_is_left_alone() {
    let dir = DataDir::new();
    fs::create_dir(dir.cluster()).unwrap();
    fs::write(dir.cluster().join("thesis.tex"), "precious").unwrap();
    let message = refusal(dir.settings()).await;
    assert!(message.contains("no PostgreSQL cluster"), "{message}");
    assert!(dir.cluster().join("thesis.tex").exists());
}

#[tokio::test]
async fn root_is_told_which_folder_postgres_cannot_enter() {
    if !Uid::effective().is_root() {
        return;
    }
    let dir = DataDir::new();
    let closed = dir.0.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let settings = Settings { data_dir: closed.join("data"), ..dir.settings() };
    let message = refusal(settings).await;
    assert!(message.contains(closed.to_str().unwrap()) && message.contains("chmod"), "{message}");
}

#[tokio::test]
async fn root_takes_over_a_cluster_of_another_user() {
    if !Uid::effective().is_root() {
        return;
    }
    let dir = DataDir::new();
    let postgres = dir.start().await;
    keep_a_row(&postgres).await;
    postgres.stop().await.unwrap();
    let changed = Command::new("chown").args(["-R", "1234:1234"]).arg(dir.cluster()).status();
    assert!(changed.unwrap().success());

    let postgres = dir.start().await;
    assert_eq!(count_rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
}
