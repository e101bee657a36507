//! A class on AWS, from launch to destroy.

use std::fs;

use anyhow::{Context, Result};
use lablink_e2e::BUCKET;
use serde_json::json;

use crate::lab::{Lab, ends, replace, vm};

const KEYS: [&str; 2] = ["test/client/terraform.tfstate", "test/client/terraform.runtime.tfvars"];

#[tokio::test]
async fn a_class_is_launched_claimed_collected_and_destroyed() -> Result<()> {
    let Some(lab) = Lab::in_bucket(BUCKET)? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    let launched = ends(&allocator, allocator.launch(3).await?, "succeeded").await?;
    assert_eq!(launched["progress"]["done"], launched["progress"]["total"], "{launched}");
    allocator.until_free(3).await?;
    let names: Vec<String> = (1..=3).map(|number| format!("lablink-vm-test-{number}")).collect();
    let mut before = Vec::new();
    for name in &names {
        let (id, row) = (lab.instance(name)?, vm(&allocator, name).await?);
        assert_eq!((&row["source"], &row["instance"]["id"]), (&json!("aws"), &json!(id)));
        assert_eq!(row["instance"]["machine_type"], "t3.small");
        assert!(row["instance"]["public_address"].is_string(), "{row}");
        before.push(id);
    }

    let claimed = allocator.claim("ada@example.org", "4/abc").await?;
    claimed.page_says(&allocator.browser()?, "ready").await?;

    let desktop = lab.cloud.home(&before[1]).join("Desktop");
    fs::create_dir_all(&desktop)?;
    fs::write(desktop.join("tracks.slp"), "every frame")?;
    let archive = allocator.organiser()?.get("/api/scp-client").await?.expect(200)?;
    for part in ["vm_2/", "tracks.slp", "every frame"] {
        assert!(archive.body.contains(part), "{part}");
    }

    ends(&allocator, replace(&allocator, &names[1]).await?, "succeeded").await?;
    let after: Vec<String> = names.iter().map(|name| lab.instance(name)).collect::<Result<_>>()?;
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_ne!(after[1], before[1]);
    allocator.until_free(2).await?;
    assert_eq!(vm(&allocator, &names[1]).await?["instance"]["id"], json!(after[1]));

    let there = lab.cloud.call("s3", "list_objects_v2", &json!({ "Bucket": BUCKET }))?;
    let there = there["Contents"].as_array().context("an empty bucket")?.clone();
    for key in KEYS {
        assert!(there.iter().any(|it| it["Key"] == key), "{key} is not in {there:?}");
    }

    let destroyed = allocator.organiser()?.post_form("/destroy?wait=true", &[]).await?;
    assert_eq!(destroyed.expect(200)?.json()?["state"], "succeeded");
    assert!(lab.cloud.running("ManagedBy", "lablink-allocator")?.is_empty());
    let tagged =
        json!({ "Filters": [{ "Name": "tag:ManagedBy", "Values": ["lablink-allocator"] }] });
    for (operation, what) in
        [("describe_security_groups", "SecurityGroups"), ("describe_key_pairs", "KeyPairs")]
    {
        assert_eq!(lab.cloud.call("ec2", operation, &tagged)?[what], json!([]), "{what}");
    }
    allocator.stop().await?;
    Ok(())
}
