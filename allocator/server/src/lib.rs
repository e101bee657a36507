//! The allocator's program, as a library that its tests can reach.

pub mod cli;
mod hash_password;
mod logging;
mod migrate;
mod serve;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use cli::{Cli, Command};
use lablink_web::AgentAuth;
use serve::Unfit;

/// Runs the command that the command line names.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => return ended(serve::serve(cli.serve).await),
        Some(Command::Serve(args)) => return ended(serve::serve(*args).await),
        Some(Command::Migrate(args)) => migrate::migrate(&args).await?,
        Some(Command::HashPassword) => hash_password::hash_password()?,
        Some(Command::Openapi) => print_openapi()?,
        Some(Command::ValidateConfig(args)) => {
            return Ok(lablink_config::validate_config::run(
                &args,
                &mut std::io::stdout(),
                &mut std::io::stderr(),
            )?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ended(served: Result<()>) -> Result<ExitCode> {
    match served {
        Err(error) if error.is::<Unfit>() => {
            writeln!(std::io::stderr(), "Error: {error}")?;
            Ok(ExitCode::from(Unfit::STATUS))
        }
        served => served.map(|()| ExitCode::SUCCESS),
    }
}

fn print_openapi() -> Result<()> {
    let document = serde_json::to_string_pretty(&lablink_web::openapi(AgentAuth::Required))?;
    writeln!(std::io::stdout(), "{document}")?;
    Ok(())
}
