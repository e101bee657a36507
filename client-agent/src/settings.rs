use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use nix::unistd::{User, getuid};

use crate::{
    allocator::Connection,
    clean::CleanSettings,
    cloud::CloudSettings,
    commands::{
        doctor::DoctorArguments, enrol::EnrolArguments, report::ReportArguments,
        status::StatusArguments,
    },
    desktop::Account,
    gpu,
    logs::LogSettings,
    startup_times::StartupSettings,
};

const ABOUT: &str = "The agent on a LabLink VM. It waits for the VM to be claimed, starts the \
    remote desktop for the participant, and tells the allocator how the VM is.";

const WHERE_TO_START: &str = "On a machine of your own:
  lablink-client check-gpu                       can its GPUs be used?
  LABLINK_ENROLMENT_TOKEN=… lablink-client enrol --allocator-url URL --hostname NAME
  lablink-client run --allocator-url URL --hostname NAME
  lablink-client status --allocator-url URL --hostname NAME
  lablink-client doctor --allocator-url URL --hostname NAME

The enrolment token comes from the organiser's page, where a machine is registered. Every flag can
be given as the environment variable that its help names.";

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
#[command(
    name = "lablink-client",
    version,
    about = ABOUT,
    after_help = WHERE_TO_START,
    max_term_width = 100
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Command,

    /// What to log to standard error: error, warn, info, debug, or a tracing filter
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info", global = true)]
    pub log: String,
}

#[derive(Subcommand)]
pub enum Command {
    Run(Box<RunArguments>),
    /// Look at this machine's GPUs and say how they are
    ///
    /// Exit status: 0 when they can be used or there are none, 1 when one is unhealthy.
    CheckGpu(gpu::Sources),
    Status(StatusArguments),
    Doctor(DoctorArguments),
    Enrol(EnrolArguments),
    Report(ReportArguments),
}

/// Settings of `lablink-client run`, from flags or the environment.
#[derive(Args)]
#[command(about = ABOUT_RUN, long_about = MORE_ABOUT_RUN, after_help = EXAMPLE)]
pub struct RunArguments {
    #[command(flatten)]
    pub connection: Connection,

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

    /// The account whose desktop is shared, for an agent that runs as root [default: its own]
    #[arg(
        long,
        env = "LABLINK_DESKTOP_USER",
        value_name = "NAME",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        conflicts_with = "home"
    )]
    pub desktop_user: Option<String>,

    #[command(flatten)]
    pub clean: CleanSettings,

    #[command(flatten)]
    pub gpu: gpu::Sources,

    #[command(flatten)]
    pub cloud: CloudSettings,

    #[command(flatten)]
    pub startup: StartupSettings,

    #[command(flatten)]
    pub logs: LogSettings,
}

impl RunArguments {
    /// Whose desktop is shared, if it is not the agent's own.
    pub fn account(&self) -> anyhow::Result<Option<Account>> {
        self.desktop_user.as_deref().map(Account::to_serve).transpose()
    }

    /// The agent's own home, or the one that was given in its place.
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
        for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
            assert!(subcommand.get_about().is_some(), "{}", subcommand.get_name());
            let flags = subcommand.get_arguments().filter(|it| it.get_long().is_some());
            // How an answer is printed is no setting of a machine.
            for flag in flags.filter(|flag| flag.get_id() != "help" && flag.get_id() != "json") {
                assert!(flag.get_env().is_some(), "{}", flag.get_id());
                assert!(flag.get_help().is_some(), "{}", flag.get_id());
            }
        }
        command.debug_assert();
    }
}
