//! `lablink vms`: the VMs, and what is done with single ones.

mod destroy;
mod list;
mod register;

use anyhow::Result;
use clap::{Args, Subcommand};
#[cfg(feature = "aws")]
pub use destroy::made;

use crate::{output::Output, server::Connection};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Example:
  lablink vms
  lablink vms --show failed
  lablink vms --find ada@example.org --json")]
pub struct Vms {
    #[command(flatten)]
    list: list::List,
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Registers a machine that you have, and prints the command that installs its agent.
    Register(register::Register),
    /// Destroys VMs, with all that is on them.
    Destroy(destroy::Destroy),
}

impl Vms {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        match self.deed {
            None => self.list.run(&server, output).await,
            Some(Deed::Register(wish)) => wish.run(&server, output).await,
            Some(Deed::Destroy(wish)) => wish.run(&server, output).await,
        }
    }
}
