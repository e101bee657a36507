//! What can be typed. A command's own arguments, and what it does, stand in its file.

use anyhow::Result;
use clap::{ArgAction, CommandFactory as _, Parser, Subcommand};

#[cfg(feature = "aws")]
use crate::deployment::{cleanup, deploy, destroy, init, interrupt::or_interrupted, setup};
use crate::{commands::*, output::Output, server::Connection};

const AFTER: &str = "\
Exit status: 0 done, 1 failed, 2 called wrongly, 3 refused (by the allocator, by you, or by a check).

Example:
  lablink login https://lablink.example.org
  lablink launch 3";

#[derive(Debug, Parser)]
#[command(name = "lablink", version, about = "Lends GPU machines to a class.", after_help = AFTER)]
#[command(infer_subcommands = false, arg_required_else_help = true)]
pub struct CommandLine {
    /// Prints JSON for programs: one value, or one a line where it goes on. Errors are JSON too, on
    /// standard error.
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    pub json: bool,
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Asks what a deployment needs, and writes its configuration.
    #[cfg(feature = "aws")]
    Init(init::Init),
    /// Makes what an account needs once: the bucket of states, and the roles that deploy.
    #[cfg(feature = "aws")]
    Setup(setup::Setup),
    /// Makes a deployment on AWS, or brings it up to date.
    #[cfg(feature = "aws")]
    Deploy(deploy::Deploy),
    /// Destroys a deployment: its VMs first, its host last.
    #[cfg(feature = "aws")]
    Destroy(destroy::Destroy),
    /// Lists what a deployment left in the account, and removes it.
    #[cfg(feature = "aws")]
    Cleanup(cleanup::Cleanup),
    /// Checks, rewrites and describes configurations.
    Config(config::Config),
    /// Looks at a deployment layer by layer, and names the first one that is broken.
    Verify(verify::Verify),
    /// Asks the allocator which of its layers is broken; explains a code.
    Doctor(doctor::Doctor),
    /// Tells how the pool is, and what is being done.
    Status(status::Status),
    /// Lists the VMs; registers and destroys them.
    Vms(vms::Vms),
    /// Launches VMs, and follows that to its end.
    Launch(launch::Launch),
    /// Collects participants' results, and downloads them.
    Collect(collect::Collect),
    /// Prints the log of a VM.
    Logs(logs::Logs),
    /// Sums up starts and use.
    Stats(stats::Stats),
    /// Writes claims, starts or use as CSV or JSON.
    Export(export::Export),
    /// Stores a login for an allocator.
    Login(login::Login),
    /// Prints what makes a shell complete this program's commands.
    Completion(completion::Completion),
}

impl Command {
    /// Carries it out.
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        match self {
            #[cfg(feature = "aws")]
            Self::Init(wish) => wish.run(output).await,
            #[cfg(feature = "aws")]
            Self::Setup(wish) => or_interrupted(wish.run(output)).await,
            #[cfg(feature = "aws")]
            Self::Deploy(wish) => or_interrupted(wish.run(connection, output)).await,
            #[cfg(feature = "aws")]
            Self::Destroy(wish) => or_interrupted(wish.run(connection, output)).await,
            #[cfg(feature = "aws")]
            Self::Cleanup(wish) => or_interrupted(wish.run(output)).await,
            Self::Status(wish) => wish.run(connection, output).await,
            Self::Vms(wish) => wish.run(connection, output).await,
            Self::Launch(wish) => wish.run(connection, output).await,
            Self::Collect(wish) => wish.run(connection, output).await,
            Self::Logs(wish) => wish.run(connection, output).await,
            Self::Stats(wish) => wish.run(connection, output).await,
            Self::Export(wish) => wish.run(connection, output).await,
            Self::Login(wish) => wish.run(connection, output).await,
            Self::Config(wish) => wish.run(),
            Self::Verify(wish) => wish.run(connection, output).await,
            Self::Doctor(wish) => wish.run(connection, output).await,
            Self::Completion(wish) => wish.run(CommandLine::command()),
        }
    }
}
