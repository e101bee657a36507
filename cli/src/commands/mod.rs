//! One file a command: its arguments, what it does, and what it prints.

pub mod collect;
pub mod completion;
pub mod config;
pub mod doctor;
pub mod export;
pub mod launch;
pub mod login;
pub mod logs;
pub mod operation;
pub mod stats;
pub mod status;
pub mod verify;
pub mod vms;

use anyhow::Result;

use crate::{command_line::Command, output::Output, server::Connection};

/// Carries out a command.
pub async fn run(command: Command, connection: &Connection, output: &Output) -> Result<()> {
    match command {
        #[cfg(feature = "aws")]
        Command::Init(wish) => wish.run(output).await,
        #[cfg(feature = "aws")]
        Command::Setup(wish) => wish.run(output).await,
        #[cfg(feature = "aws")]
        Command::Deploy(wish) => wish.run(connection, output).await,
        #[cfg(feature = "aws")]
        Command::Destroy(wish) => wish.run(connection, output).await,
        #[cfg(feature = "aws")]
        Command::Cleanup(wish) => wish.run(output).await,
        Command::Status(wish) => wish.run(connection, output).await,
        Command::Vms(wish) => wish.run(connection, output).await,
        Command::Launch(wish) => wish.run(connection, output).await,
        Command::Collect(wish) => wish.run(connection, output).await,
        Command::Logs(wish) => wish.run(connection, output).await,
        Command::Stats(wish) => wish.run(connection, output).await,
        Command::Export(wish) => wish.run(connection, output).await,
        Command::Login(wish) => wish.run(connection, output).await,
        Command::Config(wish) => wish.run(),
        Command::Verify(wish) => wish.run(connection, output).await,
        Command::Doctor(wish) => wish.run(connection, output).await,
        Command::Completion(wish) => wish.run(),
    }
}
