//! An embedded Postgres: a cluster of the allocator's own, run from the server binaries that
//! the system has installed.
//!
//! The cluster lies in `{data_dir}/postgres` and listens on a Unix socket in a private folder,
//! never on the network. It outlives a killed allocator, and the next one adopts it. Several
//! allocators on one data directory share one server; the last to [`EmbeddedPostgres::stop`]
//! stops it.

mod account;
mod binaries;
mod bootstrap;
mod cluster;
mod error;
mod hba;
mod layout;
mod leftover;
mod locks;
mod log;
mod passage;
mod process;
mod run_dir;
mod server;
mod settings;
mod superuser;

pub use error::EmbeddedPostgresError;
pub use passage::make_passage;
pub use server::EmbeddedPostgres;
pub use settings::{Password, Settings};

type Result<T, E = EmbeddedPostgresError> = std::result::Result<T, E>;
