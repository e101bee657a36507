//! One file a command: its arguments, what it does, and what it prints.

pub mod completion;
pub mod login;

use anyhow::Result;

use crate::{command_line::Command, output::Output, server::Connection};

/// Carries out a command.
pub async fn run(command: Command, connection: &Connection, output: &Output) -> Result<()> {
    match command {
        Command::Login(wish) => wish.run(connection, output).await,
        Command::Completion(wish) => wish.run(),
    }
}
