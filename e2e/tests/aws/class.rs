//! A class on AWS, from launch to destroy.

use std::{collections::BTreeMap, fs, time::Instant};

use anyhow::{Context, Result, ensure};
use lablink_e2e::BUCKET;
use serde_json::json;

use crate::lab::{Lab, destroy_all, ends, instances, replace};

const KEYS: [&str; 2] = ["test/client/terraform.tfstate", "test/client/terraform.runtime.tfvars"];

#[tokio::test]
async fn a_class_is_launched_claimed_collected_and_destroyed() -> Result<()> {
    class(3).await
}

#[tokio::test]
#[ignore = "takes minutes: make test-aws"]
async fn so_is_a_class_of_forty() -> Result<()> {
    class(40).await
}

async fn class(count: u32) -> Result<()> {
    let Some(lab) = Lab::deployed(&["--ssh"])? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    let begun = Instant::now();
    let done = |what: &str| eprintln!("{what}: {:.1} s", begun.elapsed().as_secs_f64());

    let launched = ends(&allocator, allocator.launch(count).await?, "succeeded").await?;
    assert_eq!(launched["progress"]["done"], launched["progress"]["total"], "{launched}");
    done("launched");
    allocator.until_free(count.into()).await?;
    done("claimable");
    let class = instances(&lab, &allocator).await?;
    assert_eq!(class.len(), count as usize);
    let told = lab.deployment.data_dir().join("terraform/test/terraform.runtime.tfvars");
    let told = fs::read_to_string(told)?;
    assert!(told.contains("gpu_support = \"true\""), "{told}");

    let mut given = BTreeMap::new();
    for number in 0..count {
        let email = format!("student{number}@example.org");
        let claimed = allocator.claim(&email, &format!("4/code{number}")).await?;
        ensure!(given.insert(claimed.hostname.clone(), claimed).is_none(), "given out twice");
    }
    for claimed in given.values() {
        claimed.page_says(&allocator.browser()?, "ready").await?;
    }
    done("all claimed, and their desktops started");

    for (hostname, id) in &class {
        let desktop = lab.cloud.home(id).join("Desktop");
        fs::create_dir_all(&desktop)?;
        fs::write(desktop.join("tracks.slp"), format!("every frame of {hostname}."))?;
    }
    let archive = allocator.organiser()?.get("/api/scp-client").await?.expect(200)?.body;
    for (hostname, number) in class.keys().zip(numbers(&class)?) {
        for part in [format!("vm_{number}/"), format!("every frame of {hostname}.")] {
            assert!(archive.contains(&part), "{part}");
        }
    }
    done("collected over SSH");

    let second = "lablink-vm-test-2";
    ends(&allocator, replace(&allocator, second).await?, "succeeded").await?;
    let after = instances(&lab, &allocator).await?;
    let differ: Vec<&String> = class.keys().filter(|name| class[*name] != after[*name]).collect();
    assert_eq!(differ, [second]);
    allocator.until_free(1).await?;
    done("one made anew");

    let there = lab.cloud.call("s3", "list_objects_v2", &json!({ "Bucket": BUCKET }))?;
    let there = there["Contents"].as_array().context("an empty bucket")?.clone();
    for key in KEYS {
        assert!(there.iter().any(|it| it["Key"] == key), "{key} is not in {there:?}");
    }
    destroy_all(&allocator).await?;
    lab.nothing_is_left()?;
    done("destroyed");
    allocator.stop().await?;
    Ok(())
}

fn numbers(class: &BTreeMap<String, String>) -> Result<Vec<u32>> {
    let number = |name: &String| Ok(name.rsplit('-').next().unwrap_or_default().parse()?);
    class.keys().map(number).collect()
}
