//! Sends log lines straight to the allocator, for machines whose log nobody else collects: the
//! agent's own, and those of files that it follows. What is sent twice, after a lost answer or a
//! restart, carries the same ids and is stored once.

mod file;
mod own;
mod ship;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub use own::OwnLines;
pub use ship::ship;

#[derive(Args, Clone)]
pub struct LogSettings {
    /// Whether to send log lines to the allocator
    #[arg(long, env = "LABLINK_SHIP_LOGS", value_name = "WHEN", default_value = "auto")]
    ship_logs: When,

    /// The log group that another program sends this machine's log to
    #[arg(long, env = "CLOUD_INIT_LOG_GROUP", value_name = "NAME", default_value = "")]
    log_group: String,

    /// Files to follow beside the agent's own log, joined by ':' in the variable
    #[arg(
        long = "log-file",
        env = "LABLINK_LOG_FILES",
        value_name = "FILE",
        value_delimiter = ':'
    )]
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum When {
    /// Unless there is a log group
    Auto,
    Always,
    Never,
}

impl LogSettings {
    pub fn are_wanted(&self) -> bool {
        match self.ship_logs {
            When::Auto => self.log_group.trim().is_empty(),
            When::Always => true,
            When::Never => false,
        }
    }
}
