use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use lablink_allocator::{cli::Cli, run};
use lablink_config::validate_config;

fn main() -> Result<ExitCode> {
    // Deployments call the same file by the validator's name.
    if std::env::args_os().next().is_some_and(|argv0| validate_config::is_called_by(&argv0)) {
        let cli = validate_config::Cli::parse();
        let (mut out, mut log) = (std::io::stdout(), std::io::stderr());
        return Ok(validate_config::run(&cli.args, &mut out, &mut log)?);
    }
    let cli = Cli::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(cli))
}
