//! Runs a command, usually `cargo test`, with a Postgres that exists only for it.

use std::{ffi::OsString, os::unix::process::ExitStatusExt, process::ExitStatus};

use anyhow::Context;
use clap::Parser;
use lablink_test_db::{DATABASE_URL_VARIABLE, ThrowAway};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "A throw-away Postgres for tests")]
enum Cli {
    /// Run a command that finds a Postgres in `LABLINK_TEST_DATABASE_URL`, and exit with its status
    Run {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli::Run { command } = Cli::parse();
    let cluster = ThrowAway::start(&[]).await?;
    let status = run(&command, &cluster.url()?).await;
    cluster.remove().await?;
    let status = status?;
    // As shells do for a command that a signal ended.
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    std::process::exit(code.unwrap_or(1));
}

/// Runs the command to its end, with our SIGINT and SIGTERM handed on to it.
async fn run(command: &[OsString], url: &str) -> anyhow::Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("no command to run")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env(DATABASE_URL_VARIABLE, url)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    loop {
        let signal = tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => Signal::SIGINT,
            _ = terminate.recv() => Signal::SIGTERM,
        };
        if let Some(id) = child.id() {
            // It may have ended this very moment.
            let _ = kill(Pid::from_raw(id.try_into()?), signal);
        }
    }
}
