use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use jiff::Timestamp;
use lablink_checks::{Checkup, Code, Finding, Floor, Roots, Way, clock, disk, told_time};

use crate::allocator::{Api, Connection};

/// Say which layer between this machine and its allocator is broken, and what to do
///
/// Exit status: 0 when nothing is broken, else 1.
#[derive(Args)]
pub struct DoctorArguments {
    #[command(flatten)]
    connection: Connection,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Enough for tokens, notes and a participant's first files.
const FLOOR: Floor = Floor { bytes: 100 * 1024 * 1024 };

pub async fn doctor(arguments: DoctorArguments) -> anyhow::Result<ExitCode> {
    let DoctorArguments { connection, json } = arguments;
    let url = connection.allocator_url.endpoint("/")?;
    let folder = connection.state_dir.clone();
    let (api, _state) = connection.open()?;
    let api = Arc::new(api);

    let mut checkup = Checkup::default();
    Way { url: url.clone(), roots: Roots::System }.add_to(&mut checkup);
    checkup.check(Code::Token, &[Code::Ready], move || {
        let api = Arc::clone(&api);
        async move { token(&api).await }
    });
    checkup.check(Code::Clock, &[Code::Port, Code::Tls], move || {
        let url = url.clone();
        async move {
            match told_time(&url, &Roots::System).await {
                Some(theirs) => clock("the allocator's", theirs, Timestamp::now()),
                None => Finding::skipped("The allocator does not tell its time."),
            }
        }
    });
    checkup.check(Code::Disk, &[], move || {
        let folder = folder.clone();
        async move { disk(&folder, FLOOR) }
    });
    let report = checkup.run().await;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(if report.first_broken().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn token(api: &Api) -> Finding {
    if !api.is_enrolled().await {
        return Finding::broken(
            "This machine is not enrolled.",
            "Get an install command on the organiser's page and run it here.",
        );
    }
    match api.status().await {
        Ok(status) => Finding::well(format!("The allocator knows this machine as {status}.")),
        Err(error) => Finding::broken(
            format!("The allocator does not take this machine's token: {}.", error.chain()),
            "Get a new install command on the organiser's page and run it here.",
        ),
    }
}
