//! What can be typed. A command's own arguments stand in its file.

use clap::{ArgAction, Parser, Subcommand};

use crate::{commands::*, server::Connection};

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
    /// Stores a login for an allocator.
    Login(login::Login),
    /// Prints what makes a shell complete this program's commands.
    Completion(completion::Completion),
}
