//! `lablink-client`: the agent on every VM. It enrols, waits for a claim, starts the
//! remote desktop for the participant, and reports status, use, health and life to the allocator.
//!
//! ```text
//!            claimed            host file appears, or exit 0
//! waiting ───────────▶ connecting ───────────▶ connected ─▶ result reported
//!    ▲                   │    │                    │
//!    │                   │    └─ fails, 60 s ─▶ failed ─▶ result reported
//!    └──── released ─────┴─────────────────────────┘
//! ```
//! A claim that is over may be followed by a cleaning ([`clean`]), which nothing interrupts.
//! A newer command of the same claim, or a newer claim, goes to `connecting` from everywhere.

mod allocator;
mod channels;
mod claims;
mod clean;
mod cloud;
mod commands;
mod desktop;
mod gpu;
mod logs;
mod reports;
mod run;
mod settings;
mod startup_times;
mod state_dir;
mod vitals;
mod vm;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tracing::Level;
use tracing_subscriber::{EnvFilter, fmt::writer::MakeWriterExt as _};

use crate::{
    commands::{check_gpu, doctor, enrol, report, status},
    logs::OwnLines,
    settings::{Command, CommandLine},
};

fn main() -> anyhow::Result<ExitCode> {
    let CommandLine { command, log } = CommandLine::parse();
    let filter = EnvFilter::try_new(&log)
        .with_context(|| format!("'{log}' is no log filter: write info, or debug"))?;
    let own_lines = OwnLines::new();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Sending lines makes debug lines, which would have to be sent.
        .with_writer(std::io::stderr.and(own_lines.clone().with_max_level(Level::INFO)))
        .with_ansi(false)
        .with_target(false)
        .init();
    // Fails only where one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start the asynchronous runtime")?;
    let ran = runtime.block_on(carry_out(command, own_lines));
    // A name that is being looked up, or a driver that hangs, must not hold up the exit.
    runtime.shutdown_background();
    ran
}

async fn carry_out(command: Command, own_lines: OwnLines) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(settings) => {
            run::until_stopped(*settings, own_lines).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::CheckGpu(sources) => check_gpu::check(sources).await,
        Command::Status(arguments) => status::status(arguments).await,
        Command::Doctor(arguments) => doctor::doctor(arguments).await,
        Command::Enrol(arguments) => enrol::enrol(arguments).await,
        Command::Report(arguments) => report::report(arguments).await,
    }
}
