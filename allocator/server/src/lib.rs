//! The allocator's program, as a library that its tests can reach.

pub mod cli;
mod hash_password;
mod logging;
mod migrate;
mod serve;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use cli::{Cli, Command};
use lablink_config as config;
use lablink_web::AgentAuth;

/// Runs the command that the command line names.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => serve::serve(cli.serve).await?,
        Some(Command::Serve(args)) => serve::serve(*args).await?,
        Some(Command::Migrate(args)) => migrate::migrate(&args).await?,
        Some(Command::HashPassword) => hash_password::hash_password()?,
        Some(Command::Openapi) => print_openapi()?,
        Some(Command::ValidateConfig(args)) => {
            return Ok(config::validate_config::run(
                &args,
                &mut std::io::stdout(),
                &mut std::io::stderr(),
            )?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_openapi() -> Result<()> {
    let document = serde_json::to_string_pretty(&lablink_web::openapi(AgentAuth::Required))?;
    writeln!(std::io::stdout(), "{document}")?;
    Ok(())
}
