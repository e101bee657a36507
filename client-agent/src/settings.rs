use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use lablink_protocol::Hostname;
use nix::unistd::{User, getuid};

use crate::{allocator_url::AllocatorUrl, enrolment_token::EnrolmentToken};

const ABOUT: &str = "The agent on a LabLink VM. It waits for the VM to be claimed, starts the \
    remote desktop for the participant, and tells the allocator how the VM is.";

const ABOUT_RUN: &str = "Run until SIGTERM or SIGINT";

const MORE_ABOUT_RUN: &str = "Run until SIGTERM or SIGINT. What fails is tried again, not given \
    up.\n\n\
    The first run needs an enrolment token: in a file, or in the environment variable \
    LABLINK_ENROLMENT_TOKEN (never in a flag, where every user of the machine could read it). The \
    agent trades it for its own token, which it keeps in the state directory; after that the \
    enrolment token is not needed any more. An allocator started with LABLINK_AGENT_AUTH=open \
    needs neither.";

const EXAMPLE: &str = "Example:
  LABLINK_ENROLMENT_TOKEN=… lablink-client run \\
      --allocator-url https://lablink.example.org --hostname lab-desk-7";

/// What the program was called with.
#[derive(Parser)]
#[command(name = "lablink-client", version, about = ABOUT, max_term_width = 100)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Run(RunArguments),
}

/// Settings of `lablink-client run`, from flags or the environment.
#[derive(Args)]
#[command(about = ABOUT_RUN, long_about = MORE_ABOUT_RUN, after_help = EXAMPLE)]
pub struct RunArguments {
    /// Where the allocator is, as in <https://lablink.example.org>
    #[arg(long, env = "ALLOCATOR_URL", value_name = "URL")]
    pub allocator_url: AllocatorUrl,

    /// The name under which the allocator knows this VM
    #[arg(long, env = "VM_NAME", value_name = "NAME")]
    pub hostname: Hostname,

    /// File that holds the enrolment token; read only when the agent has to enrol
    #[arg(long, env = "LABLINK_ENROLMENT_TOKEN_FILE", value_name = "FILE")]
    pub enrolment_token_file: Option<PathBuf>,

    /// Folder for the agent's own token and what it has done; made when missing
    #[arg(
        long,
        env = "LABLINK_AGENT_DIR",
        value_name = "DIR",
        default_value = "/var/lib/lablink-client"
    )]
    pub state_dir: PathBuf,

    /// Program whose running means that the VM is in use; empty: don't watch
    #[arg(long, env = "SUBJECT_SOFTWARE", value_name = "NAME", default_value = "sleap")]
    pub subject_software: String,

    /// Chrome Remote Desktop's start-host, or a program that is called in the same way
    #[arg(
        long,
        env = "LABLINK_REMOTE_DESKTOP",
        value_name = "PROGRAM",
        default_value = "/opt/google/chrome-remote-desktop/start-host"
    )]
    pub remote_desktop: PathBuf,

    /// Home of the user whose desktop is shared [default: the agent's own home]
    #[arg(long, env = "LABLINK_REMOTE_DESKTOP_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// What to log to standard error: error, warn, info, debug, or a tracing filter
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

impl RunArguments {
    pub fn enrolment_token(&self) -> anyhow::Result<EnrolmentToken> {
        let given = std::env::var(EnrolmentToken::VARIABLE).ok().filter(|token| !token.is_empty());
        match (given, &self.enrolment_token_file) {
            (Some(_), Some(_)) => anyhow::bail!(
                "both LABLINK_ENROLMENT_TOKEN and an enrolment token file are given: keep one"
            ),
            (Some(token), None) => Ok(EnrolmentToken::Given(token)),
            (None, Some(file)) => Ok(EnrolmentToken::File(file.clone())),
            (None, None) => Ok(EnrolmentToken::None),
        }
    }

    pub fn home(&self) -> anyhow::Result<PathBuf> {
        let own = || std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let listed = || User::from_uid(getuid()).ok().flatten().map(|user| user.dir);
        self.home
            .clone()
            .or_else(own)
            .or_else(listed)
            .context("the user has no home directory: say with --home where the desktop's home is")
    }

    /// The program to watch, if any.
    pub fn watched_software(&self) -> Option<String> {
        let name = self.subject_software.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_flag_has_an_environment_variable_and_a_help_text() {
        let mut command = CommandLine::command();
        command.build();
        let run = command.find_subcommand("run").unwrap();
        for flag in run.get_arguments().filter(|flag| flag.get_id() != "help") {
            assert!(flag.get_env().is_some(), "{}", flag.get_id());
            assert!(flag.get_help().is_some(), "{}", flag.get_id());
        }
        command.debug_assert();
    }
}
