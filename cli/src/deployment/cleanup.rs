use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use clap::Args;
use lablink_aws_calls::ec2::Tagged;
use serde::Serialize;

use super::{
    Deployment, ended,
    price::{ADDRESS, BALANCER, DISK, HOURS_PER_MONTH, SNAPSHOT},
    which::Which,
};
use crate::output::{Output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
A persistent address is never released, and where a state can't be read nothing is removed.

Example:
  lablink cleanup --environment test
  lablink cleanup --environment test --check --json")]
pub struct Cleanup {
    #[command(flatten)]
    which: Which,
    /// Only lists.
    #[arg(long)]
    check: bool,
    /// Does not ask.
    #[arg(long, conflicts_with = "check")]
    yes: bool,
}

/// What is LabLink's carries one of them.
const MAKERS: [&str; 2] = ["lablink-infra", "lablink-allocator"];

/// Something that carries the deployment's tags and is in none of its states.
#[derive(Debug, Serialize)]
struct Left {
    kind: String,
    id: String,
    /// What a month of it costs; null: nothing, or nobody knows.
    usd_per_month: Option<f64>,
    /// Whether this command removes it.
    removable: bool,
}

#[derive(Serialize)]
struct Told {
    left: Vec<Left>,
    removed: Vec<String>,
}

impl Cleanup {
    pub async fn run(self, output: &Output) -> Result<()> {
        let deployment = Deployment::open(self.which, output).await?;
        let progress = output.progress("Reading states and tags");
        let left = find(&deployment).await?;
        drop(progress);
        let removable: Vec<_> = left.iter().filter(|it| it.removable).collect();
        let mut removed = Vec::new();
        if !self.check && !removable.is_empty() {
            if !self.yes {
                output.note(&shown(&left));
                output.confirm(&format!("Remove {} of these?", removable.len()), "--yes")?;
            }
            for it in removable {
                remove(&deployment, it).await.with_context(|| format!("can't remove {}", it.id))?;
                removed.push(it.id.clone());
            }
        }
        output.answer(&Told { left, removed }, |told| match told.removed.as_slice() {
            [] => shown(&told.left),
            removed => format!("Removed: {}.", removed.join(", ")),
        })
    }
}

async fn find(deployment: &Deployment) -> Result<Vec<Left>> {
    let known = deployment.known().await?;
    let aws = &deployment.aws;
    let tags = deployment.tags();
    let is_named = tags.iter().any(|(key, _)| *key == "Deployment");
    let named = aws.with_tag("Deployment").await?;
    let machines = aws.instances_by_tags(&tags).await?;
    let machines: BTreeMap<_, _> = machines.into_iter().map(|it| (it.id.clone(), it)).collect();
    let addresses = aws.addresses("Environment", &deployment.settings.environment).await?;
    // One that somebody made by hand, for good: infra's own carries ManagedBy.
    let lasting = addresses.iter().filter(|it| !it.tags.contains_key("ManagedBy"));
    let mut left: Vec<Left> = lasting
        .map(|it| Left {
            kind: "elastic-ip".to_owned(),
            id: it.id.clone(),
            usd_per_month: Some(ADDRESS * HOURS_PER_MONTH),
            removable: false,
        })
        .collect();
    let mut found = Vec::new();
    // Others may use the tag Environment as well.
    for maker in MAKERS {
        let tags = [tags.as_slice(), &[("ManagedBy", maker)]].concat();
        found.extend(aws.tagged(&tags).await?);
    }
    for Tagged { kind, id } in found {
        let ended = machines.get(&id).is_some_and(|it| it.state == "terminated");
        let is_theirs = !is_named && named.contains(&id);
        // A rule goes with its group.
        if known.contains(&id) || ended || is_theirs || kind == "security-group-rule" {
            continue;
        }
        if !aws.is_there(&id).await? {
            continue;
        }
        let is_address = id.starts_with("eipalloc-");
        let monthly = match (kind.as_str(), machines.get(&id)) {
            ("instance", Some(machine)) => aws
                .price(&machine.machine_type)
                .await
                .ok()
                .flatten()
                .map(|it| it.per_hour * HOURS_PER_MONTH),
            _ if is_address => Some(ADDRESS * HOURS_PER_MONTH),
            ("volume", _) => aws.volume_gib(&id).await?.map(|gib| f64::from(gib) * DISK),
            ("snapshot", _) => aws.snapshot_gib(&id).await?.map(|gib| f64::from(gib) * SNAPSHOT),
            _ => None,
        };
        // Snapshots are what a deployment leaves on purpose.
        let is_removed =
            matches!(kind.as_str(), "instance" | "volume" | "security-group" | "key-pair");
        let removable = is_removed || is_address;
        left.push(Left { kind, id, usd_per_month: monthly, removable });
    }
    let name = &deployment.settings.name;
    for group in [
        format!("lablink-cloud-init-{name}"),
        format!("lablink-allocator-{name}"),
        format!("/aws/lambda/lablink_log_processor_{name}"),
    ] {
        if !known.contains(&group) && aws.has_log_group(&group).await? {
            let kind = "log-group".to_owned();
            left.push(Left { kind, id: group, usd_per_month: None, removable: true });
        }
    }
    left.extend(elsewhere(deployment, &known).await?);
    // Machines first, and groups last: what they are on is gone then.
    let order = |kind: &str| match kind {
        "instance" => 0,
        "security-group" => 2,
        _ => 1,
    };
    left.sort_by_key(|it| order(&it.kind));
    Ok(left)
}

/// What other services have. It is shown, and stays: a database is nobody's to remove in passing.
async fn elsewhere(deployment: &Deployment, known: &BTreeSet<String>) -> Result<Vec<Left>> {
    let tags = deployment.tags();
    let aws = &deployment.aws;
    let mut arns = Vec::new();
    for maker in MAKERS {
        let tags = [tags.as_slice(), &[("ManagedBy", maker)]].concat();
        arns.extend(aws.arns_with_tags(&tags).await?);
    }
    let named: BTreeSet<String> = match tags.iter().any(|(key, _)| *key == "Deployment") {
        true => BTreeSet::new(),
        false => aws.arns_with_tag("Deployment").await?.into_iter().collect(),
    };
    arns.retain(|arn| !known.contains(arn) && !named.contains(arn));
    Ok(arns.iter().filter_map(|arn| of_another_service(arn)).collect())
}

/// As an ARN names it: `arn:aws:SERVICE:REGION:ACCOUNT:KIND:NAME`, or with a slash before the name.
fn of_another_service(arn: &str) -> Option<Left> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, what) = (parts.next()?, parts.nth(2)?);
    // Those are asked for what they have themselves.
    if matches!(service, "ec2" | "logs") {
        return None;
    }
    let (kind, id) = what.split_once([':', '/']).unwrap_or((what, what));
    let is_balancer = service == "elasticloadbalancing" && kind == "loadbalancer";
    Some(Left {
        kind: format!("{service} {kind}"),
        id: id.to_owned(),
        usd_per_month: is_balancer.then_some(BALANCER * HOURS_PER_MONTH),
        removable: false,
    })
}

async fn remove(deployment: &Deployment, left: &Left) -> Result<()> {
    let aws = &deployment.aws;
    match left.kind.as_str() {
        "instance" => {
            ended(aws, std::slice::from_ref(&left.id)).await?;
        }
        "log-group" => aws.delete_log_group(&left.id).await?,
        _ => {
            aws.remove(&left.id).await?;
        }
    }
    Ok(())
}

fn shown(left: &[Left]) -> String {
    if left.is_empty() {
        return "Nothing is left.".to_owned();
    }
    let rows = left.iter().map(|it| {
        let price = it.usd_per_month.map(|usd| format!("{usd:.2}")).unwrap_or_default();
        let note = if it.removable { "" } else { "stays" };
        [it.kind.clone(), it.id.clone(), price, note.to_owned()]
    });
    // From 0: an empty sum is -0.
    let sum = left.iter().filter_map(|it| it.usd_per_month).fold(0.0, |sum, it| sum + it);
    format!("{}\n{sum:.2} USD a month.", table(["KIND", "ID", "USD A MONTH", ""], rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_service_has_is_told_by_its_arn() {
        let of = |arn: &str| of_another_service(&format!("arn:aws:{arn}"));
        let told = |arn: &str| of(arn).map(|left| (left.kind, left.id));
        let database = told("rds:us-west-2:123456789012:db:lablink-test");
        assert_eq!(database, Some(("rds db".to_owned(), "lablink-test".to_owned())));
        let balancer =
            of("elasticloadbalancing:us-west-2:1:loadbalancer/app/lablink/50dc").unwrap();
        assert_eq!(balancer.id, "app/lablink/50dc");
        assert!(balancer.usd_per_month > Some(16.0) && !balancer.removable);
        assert_eq!(told("ec2:us-west-2:1:instance/i-1"), None);
        assert_eq!(told("odd"), None);
    }
}
