//! `lablink-client`: the agent on every VM. It enrols, waits for a claim, starts the
//! remote desktop for the participant, and reports status, use and life to the allocator.
//!
//! ```text
//!            claimed            host file appears, or exit 0
//! waiting ───────────▶ connecting ───────────▶ connected ─▶ result reported
//!    ▲                   │    │                    │
//!    │                   │    └─ fails, 60 s ─▶ failed ─▶ result reported
//!    └──── released ─────┴─────────────────────────┘
//! ```
//! A newer command of the same claim, or a newer claim, goes to `connecting` from everywhere.

mod allocator_url;
mod api;
mod attempt;
mod backoff;
mod call_error;
mod claims;
mod credential;
mod enrolment_token;
mod handled;
mod host_files;
mod in_use;
mod output_tail;
mod remote_desktop;
mod reports;
mod retry;
mod run;
mod settings;
mod state_dir;
mod transport;
mod wait;

use anyhow::Context as _;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::settings::{Command, CommandLine};

fn main() -> anyhow::Result<()> {
    let Command::Run(settings) = CommandLine::parse().command;
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("'{}' is no log filter: write info, or debug", settings.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    // Fails only where one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start the asynchronous runtime")?;
    let ran = runtime.block_on(run::until_stopped(settings));
    // A name that is being looked up must not hold up the exit.
    runtime.shutdown_background();
    ran
}
