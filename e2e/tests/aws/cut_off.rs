//! What a run had made when it was cut off is found again, and what is nobody's is shown.

use std::{collections::BTreeSet, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, eventually};
use serde_json::json;

use crate::lab::{Lab, OURS, ends, replace, vm};

/// From the call of AWS's API to the answer.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "make test-aws"]
async fn what_a_cut_off_launch_has_made_is_known_and_what_nobody_knows_is_ended_by_name()
-> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    // Terraform waits for them; its state does not have them yet.
    lab.cloud.fault(&["slow", "300"])?;
    let operation = allocator.launch(2).await?;
    eventually("both to be asked for", SOON, async || {
        Ok((lab.cloud.instances(OURS.0, OURS.1)?.len() == 2).then_some(()))
    })
    .await?;
    drop(allocator);
    lab.deployment.lose_power()?;
    lab.cloud.fault(&["clear"])?;
    lab.cloud.fault(&["slow", "0"])?;

    let allocator = lab.deployment.start().await?;
    allocator.until_ended(operation).await?;
    lab.is_asked_for_by_a_terraform_that_is_killed(&allocator).await?;
    let stray = lab.make_instance("lablink-vm-dev-7", None)?;
    let of_others = lab.make_instance("lablink-vm-dev-8", Some("physics"))?;
    let refused = ends(&allocator, allocator.launch(1).await?, "failed").await?;
    let lacking = &refused["conflict"]["hostnames"];
    assert_eq!(lacking, &json!(["lablink-vm-dev-7"]), "{refused}");
    let id = refused["operation_id"].as_i64().context("no id")?;
    let way = format!("/api/operations/{id}/give-up");
    let given_up = allocator
        .organiser()?
        .post_json(&way, &json!({ "hostname": lacking }))
        .await?
        .expect(202)?
        .json()?;
    let given_up = given_up["operation_id"].as_i64().context("no operation")?;
    ends(&allocator, given_up, "succeeded").await?;
    assert!(lab.cloud.running("Name", "lablink-vm-dev-7")?.is_empty(), "{stray}");

    assert_eq!(lab.cloud.running("Name", "lablink-vm-dev-8")?, std::slice::from_ref(&of_others));
    let mut ids = BTreeSet::from([of_others]);
    for number in [1, 2, 3] {
        let row = vm(&allocator, &format!("lablink-vm-dev-{number}")).await?;
        let id = row["instance"]["id"].as_str().with_context(|| row.to_string())?.to_owned();
        ids.insert(id);
    }
    let there = lab.cloud.present(OURS.0, OURS.1)?;
    let there: BTreeSet<String> =
        there.iter().filter_map(|it| Some(it["InstanceId"].as_str()?.to_owned())).collect();
    assert_eq!(there, ids, "all are known, and there are no others");
    Ok(())
}

impl Lab {
    /// AWS makes a new machine for a VM, and nobody waits for its answer any more.
    async fn is_asked_for_by_a_terraform_that_is_killed(
        &self,
        allocator: &Allocator,
    ) -> Result<()> {
        let name = "lablink-vm-dev-1";
        let before = vm(allocator, name).await?["instance"]["id"].clone();
        // Longer than it is waited for at the operation's end.
        self.cloud.fault(&["delay", "30", "--action", "RunInstances"])?;
        let operation = replace(allocator, name).await?;
        // Terraform says so every ten seconds.
        let said = format!("operations/{operation}/terraform.jsonl");
        eventually("the new one to be waited for", SOON, async || {
            let said = fs::read_to_string(self.deployment.data_dir().join(&said))?;
            let waits = |line: &str| line.contains("apply_progress") && line.contains("\"create\"");
            Ok(said.lines().any(waits).then_some(()))
        })
        .await?;
        ensure!(self.kill_terraform()?, "it is over");
        ends(allocator, operation, "failed").await?;
        self.cloud.fault(&["clear", "delay"])?;
        let made = eventually("the new one to be there", SOON, async || {
            Ok(self.cloud.running("Name", name)?.pop())
        })
        .await?;
        ends(allocator, allocator.launch(1).await?, "succeeded").await?;
        assert_ne!(before, made);
        assert_eq!(vm(allocator, name).await?["instance"]["id"], made);
        Ok(())
    }

    /// One that bears our tags, and that no allocator here has made.
    fn make_instance(&self, name: &str, deployment: Option<&str>) -> Result<String> {
        let mut tags = vec![(OURS.0, OURS.1), ("Environment", "dev"), ("Name", name)];
        tags.extend(deployment.map(|name| ("Deployment", name)));
        let tags: Vec<_> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let request = json!({
            "ImageId": self.cloud.image()?, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1,
            "TagSpecifications": [{ "ResourceType": "instance", "Tags": tags }],
        });
        let made = self.cloud.call("ec2", "run_instances", &request)?;
        let id = made["Instances"][0]["InstanceId"].as_str().context("no id")?.to_owned();
        ensure!(id.starts_with("i-"), "{id}");
        Ok(id)
    }
}
