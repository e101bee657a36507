use std::{io, path::PathBuf, time::Duration};

/// Why the embedded server could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedPostgresError {
    #[error(
        "found no PostgreSQL server (looked in /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin and \
         PATH): install it with `apt-get install postgresql`, or set DATABASE_URL to a server of \
         your own"
    )]
    NotInstalled,

    #[error(
        "{} was made by PostgreSQL {found}, but installed is only {installed}: install the \
         package postgresql-{found}, or upgrade the cluster with pg_upgrade",
        cluster.display()
    )]
    OtherVersion { cluster: PathBuf, found: u32, installed: String },

    #[error(
        "PostgreSQL refuses to run as root, and this system has no user `postgres` to run it as: \
         install the package postgresql, or start the allocator as an ordinary user"
    )]
    NoServerAccount,

    #[error(
        "user `postgres` (which runs the server, since root may not) cannot enter {}: run \
         `chmod o+x` on it, or choose another data directory",
        .0.display()
    )]
    Unreachable(PathBuf),

    #[error(
        "{} belongs to user id {owner}, not to the embedded PostgreSQL: remove it, or start the \
         allocator as that user",
        dir.display()
    )]
    ForeignDir { dir: PathBuf, owner: u32 },

    #[error("{} exists and is no PostgreSQL cluster: move it away", .0.display())]
    NotACluster(PathBuf),

    #[error(
        "'{0}' cannot name a role or database of the embedded PostgreSQL: use 1 to 63 bytes that \
         do not begin with 'pg_' (the role may not be '{superuser}' either)",
        superuser = crate::superuser::SUPERUSER
    )]
    InvalidName(String),

    #[error("could not {action}")]
    Io {
        action: String,
        #[source]
        source: io::Error,
    },

    #[error("initdb failed ({status}):\n{output}")]
    InitDb { status: std::process::ExitStatus, output: String },

    #[error("the embedded PostgreSQL has ended; the last lines of its log:\n{log}")]
    Ended { log: String },

    #[error(
        "the embedded PostgreSQL still does not answer after {} s; it goes on starting, and the \
         next start waits for it again. The last lines of its log:\n{log}",
        after.as_secs()
    )]
    NotReady {
        after: Duration,
        log: String,
        #[source]
        source: Option<tokio_postgres::Error>,
    },

    #[error(
        "another allocator has been starting or stopping the embedded PostgreSQL of {} for {} s",
        data_dir.display(), after.as_secs()
    )]
    Locked { data_dir: PathBuf, after: Duration },

    #[error("could not {action} in the embedded PostgreSQL")]
    Sql {
        action: &'static str,
        #[source]
        source: tokio_postgres::Error,
    },

    #[error("the embedded PostgreSQL (process {pid}) does not stop: end it by hand")]
    StillRunning { pid: i32 },
}

impl EmbeddedPostgresError {
    /// Names what was being tried when the operating system said no: "could not {action}".
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }

    pub(super) fn sql(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { action, source }
    }
}
