//! `lablink`: what operators and scripts call. It speaks to a running allocator by its API
//! ([`server`]), and brings a deployment up and down on AWS. Each command has a file in [`commands`].
//!
//! It ends with 0 (done), 1 (failed), 2 (called wrongly) or 3 (refused): see [`ending`].

mod command_line;
mod commands;
#[cfg(feature = "aws")]
mod deployment;
mod ending;
mod errors;
mod output;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{command_line::CommandLine, output::Output};

fn main() -> ExitCode {
    let CommandLine { json, connection, command } = CommandLine::parse();
    let output = Output::new(json);
    // Fails only where one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(command.run(&connection, &output)),
        Err(error) => Err(error.into()),
    };
    ending::of(ended, &output)
}
