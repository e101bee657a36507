use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;

use crate::allocator::{Connection, Enrolment};

const MORE_ABOUT: &str = "Trade an enrolment token for this machine's own token, and keep that\n\n\
    The enrolment token is read from LABLINK_ENROLMENT_TOKEN or from a file (/dev/stdin to type \
    it), works once, and is never printed. `run` does the same by itself; this says at once \
    whether it works.";

/// Trade an enrolment token for this machine's own token, and keep that
///
#[derive(Args)]
#[command(long_about = MORE_ABOUT)]
pub struct EnrolArguments {
    #[command(flatten)]
    connection: Connection,
}

pub async fn enrol(arguments: EnrolArguments) -> anyhow::Result<ExitCode> {
    let (api, _state) = arguments.connection.open()?;
    let hostname = api.hostname();
    let said = match api.enrol_now().await? {
        Enrolment::Done => {
            format!("enrolled as {hostname}: `lablink-client run` needs no token now")
        }
        Enrolment::Before => format!(
            "{hostname} has its token already, and no enrolment token was given: nothing to do"
        ),
    };
    writeln!(io::stdout(), "{said}")?;
    Ok(ExitCode::SUCCESS)
}
