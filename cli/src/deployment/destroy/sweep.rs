use anyhow::{Context, Result};
use lablink_aws_calls::ec2::Tagged;

use super::super::{Deployment, ended};
use crate::output::Output;

/// What allocators make carries it.
const MADE_BY: (&str, &str) = ("ManagedBy", "lablink-allocator");

/// Ends what the allocator made and no state knows any more. Tells what that was.
pub async fn sweep(deployment: &Deployment, output: &Output) -> Result<Vec<String>> {
    let progress = output.progress("Looking for VMs by their tags");
    let mut tags = deployment.tags();
    tags.push(MADE_BY);
    let aws = &deployment.aws;
    // Something of a deployment with a name belongs to that one.
    let is_named = tags.iter().any(|(key, _)| *key == "Deployment");
    let named = aws.with_tag("Deployment").await?;
    let is_theirs = |id: &str| !is_named && named.contains(id);

    let machines = aws.instances_by_tags(&tags).await?.into_iter();
    let machines = machines.filter(|it| it.state != "terminated" && !is_theirs(&it.id));
    let machines: Vec<String> = machines.map(|it| it.id).collect();
    if !machines.is_empty() {
        progress.says("Ending VMs that no state knows");
        ended(aws, &machines).await.context("VMs could not be destroyed, so the host stays")?;
    }
    let mut swept = machines;
    // Groups come last: what they are on is gone then.
    let mut rest: Vec<Tagged> = aws.tagged(&tags).await?;
    rest.retain(|it| !is_theirs(&it.id) && it.kind != "instance");
    rest.sort_by_key(|it| it.kind == "security-group");
    for Tagged { kind, id } in rest {
        if !aws.is_there(&id).await? {
            continue;
        }
        let removed = aws.remove(&id).await;
        if removed
            .with_context(|| format!("the {kind} {id} could not be removed, so the host stays"))?
        {
            swept.push(id);
        }
    }
    Ok(swept)
}
