use anyhow::{Result, bail};
use clap::Args;
use lablink_protocol::organisers::{FindingBody, PreflightBody, Queued};
use serde_json::json;

use super::operation;
use crate::{
    errors::Refused,
    output::Output,
    server::{Connection, asking},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink launch 20 --hours 3
  lablink launch 20 --check")]
pub struct Launch {
    /// How many VMs.
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// For how many hours, for the price. It changes nothing else.
    #[arg(long)]
    hours: Option<u32>,
    /// Only tells what a launch would meet.
    #[arg(long)]
    check: bool,
    /// Does not wait for the end.
    #[arg(long, conflicts_with = "check")]
    detach: bool,
}

impl Launch {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        let (count, hours) = (self.count.to_string(), self.hours.map(|hours| hours.to_string()));
        let path =
            asking("/api/preflight", &[("count", Some(&count)), ("hours", hours.as_deref())]);
        let found: PreflightBody = server.get(&path).await?;
        if self.check {
            output.answer(&found, |found| shown(&found.findings))?;
        } else {
            output.note(&shown(&found.findings));
        }
        if !found.can_launch {
            let stops = found.findings.iter().filter(|it| it.verdict == "stops");
            let why: Vec<_> = stops.map(|it| it.text.as_str()).collect();
            let request = found.quota_request.map(|text| format!("\n\n{text}")).unwrap_or_default();
            bail!(Refused(format!("Nothing was launched. {}{request}", why.join(" "))));
        }
        if self.check {
            return Ok(());
        }
        let wish = json!({ "num_vms": self.count, "hours": self.hours });
        let queued: Queued = server.post("/api/launch", &wish).await?;
        if self.detach {
            let id = queued.operation_id;
            return output.answer(&queued, |_| format!("Operation {id} is queued."));
        }
        operation::follow_to_its_end(&server, output, queued.operation_id).await
    }
}

fn shown(findings: &[FindingBody]) -> String {
    let mark = |finding: &FindingBody| match finding.verdict.as_str() {
        "good" => "ok",
        "stops" => "NO",
        _ => "?",
    };
    let lines = findings.iter().map(|it| format!("{:>3}  {:7} {}", mark(it), it.question, it.text));
    lines.collect::<Vec<_>>().join("\n")
}
