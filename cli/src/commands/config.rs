use std::{
    io::{stderr, stdin, stdout},
    process::ExitCode,
};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use lablink_config::{Config as File, migrate, validate_config};

use crate::errors::Refused;

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink config validate config/config.yaml --environment prod
  lablink config migrate old/config.yaml
  lablink config schema > config.schema.json")]
pub struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks a configuration, as the allocator and a deployment do.
    Validate(validate_config::Args),
    /// Rewrites a configuration of an older version, or of the original's template.
    Migrate(migrate::command::Args),
    /// Prints a JSON Schema of the configuration, for editors.
    Schema,
}

impl Config {
    pub fn run(self) -> Result<()> {
        let code = match self.command {
            Command::Validate(args) => validate_config::run(&args, &mut stdout(), &mut stderr())?,
            Command::Migrate(args) => {
                migrate::command::run(&args, &mut stdin().lock(), &mut stdout())?
            }
            Command::Schema => {
                let schema = serde_json::to_string_pretty(&File::json_schema())?;
                std::io::Write::write_all(&mut stdout(), format!("{schema}\n").as_bytes())?;
                ExitCode::SUCCESS
            }
        };
        if code != ExitCode::SUCCESS {
            bail!(Refused("the configuration is not as it should be".to_owned()));
        }
        Ok(())
    }
}
