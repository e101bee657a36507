use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser as _};
use lablink_protocol::VmStatus;

use crate::allocator::{Connection, retry};

/// How long a script that reports waits for an allocator that is out of reach.
const LIMIT: Duration = Duration::from_secs(60);

/// Tell the allocator how far this machine has come (for start scripts)
///
/// Tries for a minute, then gives up with exit status 1.
#[derive(Args)]
pub struct ReportArguments {
    #[arg(value_parser = status_parser(), help = "The status")]
    status: VmStatus,

    #[command(flatten)]
    connection: Connection,
}

fn status_parser() -> impl clap::builder::TypedValueParser<Value = VmStatus> {
    PossibleValuesParser::new(VmStatus::ALL.map(VmStatus::as_str))
        .try_map(|word| word.parse::<VmStatus>())
}

pub async fn report(arguments: ReportArguments) -> anyhow::Result<ExitCode> {
    let (api, _state) = arguments.connection.open()?;
    let told = async {
        api.enrol_if_needed().await;
        retry::until_answered("reporting the status", || api.report_status(arguments.status)).await
    };
    tokio::time::timeout(LIMIT, told)
        .await
        .with_context(|| format!("the allocator did not answer within {} s", LIMIT.as_secs()))??;
    Ok(ExitCode::SUCCESS)
}
