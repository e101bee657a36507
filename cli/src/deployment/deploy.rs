use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use clap::Args;
use lablink_checks::Report;
use lablink_config::Config;
use serde::Serialize;

use super::{
    Deployment,
    interrupt::Interrupted,
    price, ready,
    terraform::{Change, Plan, Terraform},
    which::Which,
};
use crate::{
    commands::verify,
    output::Output,
    server::{Connection, Credentials, Login},
};

#[derive(Debug, Args)]
#[command(after_help = "\
It can be interrupted, and called again: it goes on from there. Without changes it only looks whether all
is well.

Example:
  lablink deploy --environment prod
  lablink deploy --environment test --yes --json")]
pub struct Deploy {
    #[command(flatten)]
    which: Which,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    /// Only tells what would change, and what it costs.
    #[arg(long, conflicts_with = "yes")]
    check: bool,
    /// Leaves what a first deployment that failed has made.
    #[arg(long)]
    keep: bool,
    /// How long the allocator may take until it is ready, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    wait: u64,
}

#[derive(Serialize)]
struct Told {
    deployment: String,
    url: String,
    changes: Vec<String>,
    /// Of the installation alone, without VMs and traffic.
    usd_per_month: f64,
    /// As `lablink verify` sees it. Not before it is ready.
    verified: Option<Report>,
}

impl Deploy {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let Self { which, yes, check, keep, wait } = self;
        let deployment = Deployment::open(which, output).await?;
        let terraform = deployment.terraform(output).await?;
        let is_first = terraform.held().await?.is_empty();
        let progress = output.progress("Planning");
        adopt_log_groups(&deployment, &terraform, &progress).await?;
        let variables = deployment.variables();
        let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
        let plan = terraform.plan(&variables, &progress).await?;
        progress.says("Asking for prices");
        let cost = price::Cost::of(&deployment).await;
        drop(progress);
        let mut told = Told {
            deployment: deployment.settings.name.clone(),
            url: String::new(),
            changes: lines(&plan),
            usd_per_month: cost.usd_per_month(),
            verified: None,
        };
        output.note(&format!("{}\n\n{}", summary(&plan), cost.shown()));
        if check {
            return output.answer(&told, |_| String::new());
        }
        if !plan.changes.is_empty() {
            if !yes {
                output.confirm("Make these changes?", "--yes")?;
            }
            let progress = output.progress("Applying");
            let before = if is_first { snapshots(&deployment).await? } else { BTreeSet::new() };
            if let Err(error) = terraform.apply(&progress).await {
                drop(progress);
                // What was interrupted may be meant to go on.
                if !is_first || keep || error.is::<Interrupted>() {
                    return Err(error);
                }
                take_down(&terraform, &variables, output).await?;
                // Of data that nobody has ever used.
                for snapshot in snapshots(&deployment).await?.difference(&before) {
                    deployment.aws.remove(snapshot).await?;
                }
                return Err(error.context("the first deployment failed, and was taken down again"));
            }
        }
        told.url = terraform.output("allocator_url").await?;
        ready::wait(&deployment, &terraform, &told.url, wait, output).await?;
        log_in(&deployment, connection, &told.url).await?;
        let report = verified(&deployment, connection, &told.url, output).await?;
        let broken = report.first_broken().map(|first| first.code);
        output.note(&report.to_string());
        told.verified = Some(report);
        output.answer(&told, |told| format!("{} is ready: {}", told.deployment, told.url))?;
        match broken {
            None => Ok(()),
            Some(code) => bail!("it runs, but {code} is broken: `lablink doctor {code}`"),
        }
    }
}

async fn take_down(terraform: &Terraform, variables: &[&str], output: &Output) -> Result<()> {
    let progress = output.progress("Taking down what was made");
    let mut words = vec!["destroy", "-auto-approve"];
    words.extend(variables);
    let ended = terraform.change(&words, &progress).await;
    ended.context(
        "the first deployment failed, and what it made could not be taken down: `lablink destroy`",
    )
}

/// Those of the deployment's data.
async fn snapshots(deployment: &Deployment) -> Result<BTreeSet<String>> {
    let tags = [deployment.tags().as_slice(), &[("ManagedBy", "lablink-infra")]].concat();
    let found = deployment.aws.tagged(&tags).await?.into_iter();
    Ok(found.filter(|it| it.kind == "snapshot").map(|it| it.id).collect())
}

/// Functions and hosts that end late write their last lines, which makes their log groups anew after a
/// destroy. They would be in the way.
async fn adopt_log_groups(
    deployment: &Deployment,
    terraform: &Terraform,
    progress: &crate::output::Progress,
) -> Result<()> {
    let name = &deployment.settings.name;
    let groups = [
        ("client_vms", format!("lablink-cloud-init-{name}")),
        ("allocator", format!("lablink-allocator-{name}")),
        ("forwarder", format!("/aws/lambda/lablink_log_processor_{name}")),
    ];
    let held = terraform.held().await?;
    let variables = deployment.variables();
    for (resource, group) in groups {
        let address = format!("aws_cloudwatch_log_group.{resource}");
        if held.contains(&address) || !deployment.aws.has_log_group(&group).await? {
            continue;
        }
        progress.says(&format!("Taking over the log group {group}"));
        let mut words = vec!["import", "-input=false", "-no-color"];
        words.extend(variables.iter().map(String::as_str));
        words.extend([address.as_str(), group.as_str()]);
        terraform.text(&words).await?;
    }
    Ok(())
}

/// The organiser's login, for the other commands.
async fn log_in(deployment: &Deployment, connection: &Connection, url: &str) -> Result<()> {
    let name = format!("/lablink/{}/admin-password", deployment.settings.name);
    let Some(password) = deployment.aws.parameter(&name).await? else {
        bail!("there is no parameter {name}, which holds the organiser's password")
    };
    let file = connection.credentials_file()?;
    let mut credentials = Credentials::read(&file)?;
    let user = deployment.settings.file["app"]["admin_user"].as_str().unwrap_or("admin").to_owned();
    credentials.put(url, Login { user, password });
    credentials.write(&file)
}

/// Looks at all of its layers.
async fn verified(
    deployment: &Deployment,
    connection: &Connection,
    url: &str,
    output: &Output,
) -> Result<Report> {
    let _progress = output.progress("Verifying");
    let config = Config::load(&deployment.which.config)?;
    let environment = deployment.which.environment.parse()?;
    let there =
        Connection { server: Some(url.to_owned()), credentials: connection.credentials.clone() };
    Ok(verify::look(&url.parse()?, Some((&config, &environment)), &there).await)
}

pub fn lines(plan: &Plan) -> Vec<String> {
    let of = |change: Change| plan.of(change).map(move |it| format!("{} {it}", change.sign()));
    Change::ALL.into_iter().flat_map(of).collect()
}

fn summary(plan: &Plan) -> String {
    let count = |change| plan.of(change).count();
    let counts = format!(
        "{} to make, {} to change, {} to replace, {} to remove",
        count(Change::Make),
        count(Change::Update),
        count(Change::Replace),
        count(Change::Remove)
    );
    if plan.changes.is_empty() {
        "Nothing to change.".to_owned()
    } else {
        lines(plan).join("\n") + "\n" + &counts
    }
}
