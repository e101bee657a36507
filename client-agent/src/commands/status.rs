use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;

use crate::{allocator::Connection, claims::Handled};

/// Say whether this machine's agent runs, and what the allocator knows of it
///
/// Exit status: 0 when the agent runs and the allocator knows the machine as running, else 1.
#[derive(Args)]
pub struct StatusArguments {
    #[command(flatten)]
    connection: Connection,
}

pub async fn status(arguments: StatusArguments) -> anyhow::Result<ExitCode> {
    let allocator = arguments.connection.allocator_url.clone();
    let (api, state) = arguments.connection.open()?;
    let mut out = io::stdout().lock();
    let runs = state.is_locked()?;
    let agent = if runs { "runs" } else { "does not run: start it with `lablink-client run`" };
    writeln!(out, "hostname   {}", api.hostname())?;
    writeln!(out, "agent      {agent}")?;
    let token = if api.is_enrolled().await {
        "stored"
    } else {
        "none: get an enrolment token from the organiser, and call `lablink-client enrol`"
    };
    writeln!(out, "own token  {token}")?;
    match Handled::load(&state)? {
        Some(handled) => {
            writeln!(out, "claim      {}, command {}", handled.claim_id, handled.command_no)?;
        }
        None => writeln!(out, "claim      none handled")?,
    }
    let known = api.status().await;
    match &known {
        Ok(status) => writeln!(out, "allocator  {allocator} knows this machine as {status}")?,
        Err(error) => writeln!(out, "allocator  {allocator}: {}", error.chain())?,
    }
    let well = runs && known.is_ok_and(|status| status == "running");
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
