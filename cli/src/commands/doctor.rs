use anyhow::{Result, bail};
use clap::Args;
use lablink_checks::{Code, Report};

use crate::{errors::WrongCall, output::Output, server::Connection};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink doctor
  lablink doctor tls")]
pub struct Doctor {
    /// Explains this code, without asking anybody.
    code: Option<String>,
}

impl Doctor {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let Some(code) = self.code else {
            let report: Report = connection.open()?.get("/api/doctor").await?;
            output.answer(&report, Report::to_string)?;
            return match report.first_broken() {
                None => Ok(()),
                Some(first) => bail!("{} is broken: `lablink doctor {0}`", first.code),
            };
        };
        let Some(known) = Code::ALL.into_iter().find(|it| it.as_str() == code) else {
            let all: Vec<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
            bail!(WrongCall(format!("there is no code '{code}'; there are {}", all.join(", "))));
        };
        output.answer(&known.guide(), |guide| (*guide).to_owned())
    }
}
