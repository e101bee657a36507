//! No running VM is touched that nobody named, whatever changes around it.
//!
//! `terraform/aws/tests/cloud` plans each variable of the module by itself. Here it is the allocator that
//! reads the plan, with each key of a configuration and with modules that keep nothing as it is.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};
use lablink_e2e::{Allocator, OTHER_IMAGE};
use serde_json::{Value, json};

use crate::lab::{Lab, OURS, config, ends, replace, vm};

const FIRST: &str = "lablink-vm-dev-1";
const SECOND: &str = "lablink-vm-dev-2";
const THIRD: &str = "lablink-vm-dev-3";

/// A launch that meets all that a configuration says of machines at once, beside a VM that is gone.
#[tokio::test]
async fn another_configuration_image_or_module_touches_no_running_vm() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(2).await?, "succeeded").await?;
    allocator.until_free(2).await?;
    let (first, lost) = (lab.instance(FIRST)?, lab.instance(SECOND)?);
    allocator.stop().await?;
    lab.cloud.happens("terminate", SECOND);

    lab.configure(&everything())?;
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    assert_eq!(lab.instance(FIRST)?, first);
    assert!(lab.cloud.running("Name", SECOND)?.is_empty(), "nobody asked for it");
    let third = lab.instance(THIRD)?;
    let made = vm(&allocator, THIRD).await?["instance"].clone();
    assert_eq!((&made["machine_type"], &made["zone"]), (&json!("t3.medium"), &json!("us-west-2b")));
    assert_eq!(made["public_address"], Value::Null);
    let told = &lab.cloud.instances("Name", THIRD)?[0];
    assert_eq!(told["InstanceLifecycle"], "spot");
    assert_eq!(vm(&allocator, FIRST).await?["instance"]["machine_type"], "t3.small");

    // It is made again when it is named, and alone.
    ends(&allocator, replace(&allocator, SECOND).await?, "succeeded").await?;
    let second = lab.instance(SECOND)?;
    assert_ne!(second, lost);
    assert_eq!(vm(&allocator, SECOND).await?["instance"]["id"], second);
    lab.stand([&first, &second, &third])?;
    allocator.until_free(3).await?;
    allocator.stop().await?;

    lab.deployment.change_module("aws", keeps_nothing)?;
    lab.configure(&config(OTHER_IMAGE, ""))?;
    let allocator = lab.deployment.start().await?;
    lab.touches_nothing(&allocator, [&first, &second, &third]).await?;
    allocator.stop().await?;
    Ok(())
}

/// The same, one change at a time, beside VMs that all the earlier ones have made.
#[tokio::test]
#[ignore = "takes minutes: make test-aws"]
async fn nor_does_any_change_by_itself() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let image = lab.cloud.image()?;
    let mut ids: Vec<String> = Vec::new();
    for (what, text) in each(&image) {
        eprintln!("{what}");
        lab.configure(&text)?;
        lab.launches_one_more(&mut ids).await.context(what)?;
    }
    for (what, change) in VERSIONS_THAT_KEEP {
        eprintln!("a module with {what}");
        lab.deployment.change_module("aws", change)?;
        lab.launches_one_more(&mut ids).await.context(what)?;
    }
    for (what, change) in VERSIONS_THAT_DO_NOT {
        eprintln!("a module with {what}");
        lab.deployment.change_module("aws", change)?;
        let allocator = lab.deployment.start().await?;
        lab.touches_nothing(&allocator, ids.iter().collect::<Vec<_>>()).await.context(what)?;
        allocator.stop().await?;
    }
    Ok(())
}

/// Each change of a configuration that could reach machines, with the whole text.
fn each(image: &str) -> Vec<(&'static str, String)> {
    let base = || config(image, "");
    let machine = |more: &str| base().replace("t3.small", &format!("t3.small, {more}"));
    vec![
        ("what it is at first", base()),
        ("another type", base().replace("t3.small", "t3.medium")),
        ("another machine image", config(OTHER_IMAGE, "")),
        ("another container image", machine("image: example.org/other:2")),
        ("a repository", machine("repository: https://example.org/lessons.git")),
        ("other software", machine("software: other")),
        ("another extension", machine("extension: csv")),
        ("other types", machine("other_machine_types: [t3.medium]")),
        ("another zone", machine("zones: [us-west-2b]")),
        ("spot", machine("spot: true, spot_max_price: 1.5")),
        ("a larger disk", machine("root_volume_gb: 90")),
        ("no public address", machine("assign_public_ip: false")),
        ("a startup script", config(image, STARTUP)),
        ("logs by CloudWatch", base().replace("direct", "cloudwatch")),
    ]
}

/// All at once that concerns new VMs alone.
fn everything() -> String {
    config(OTHER_IMAGE, STARTUP).replace(
        "t3.small",
        "t3.medium, image: example.org/other:2, software: other, extension: csv, repository: \
         https://example.org/lessons.git, other_machine_types: [t3.small], zones: [us-west-2b], \
         spot: true, spot_max_price: 1.5, root_volume_gb: 90, assign_public_ip: false",
    )
}

const STARTUP: &str =
    "startup_script: {enabled: true, path: course.sh, on_error: fail, attempts: 2}";

/// How a later version of a file of the module reads.
type Version = fn(&str, &str) -> Option<String>;

const VERSIONS_THAT_KEEP: [(&str, Version); 3] = [
    ("a later start script", |file, text| {
        (file == "user-data.sh").then(|| format!("{text}# a later version\n"))
    }),
    ("more tags", |file, text| {
        let more = "ManagedBy   = \"lablink-allocator\"\n      Version     = \"2\"";
        (file == "main.tf").then(|| text.replace("ManagedBy   = \"lablink-allocator\"", more))
    }),
    ("larger disks", |file, text| {
        (file == "variables.tf").then(|| text.replace("default     = 80", "default     = 100"))
    }),
];

const VERSIONS_THAT_DO_NOT: [(&str, Version); 3] = [
    ("VMs at another address", |file, text| {
        let renamed = text
            .replace("aws_instance.vm", "aws_instance.machine")
            .replace("\"aws_instance\" \"vm\"", "\"aws_instance\" \"machine\"");
        (file.ends_with(".tf") && renamed != text).then_some(renamed)
    }),
    ("another SSH key", |file, text| (file == "key.tf").then(|| text.replace("ED25519", "RSA"))),
    ("nothing kept as it is", keeps_nothing),
];

/// Without the arguments that the module ignores once an instance exists.
fn keeps_nothing(file: &str, text: &str) -> Option<String> {
    let start = text.find("    ignore_changes = [\n      ami,").filter(|_| file == "main.tf")?;
    let end = start + text[start..].find("    ]\n")? + "    ]\n".len();
    Some(format!("{}{}", &text[..start], &text[end..]))
}

impl Lab {
    fn configure(&self, text: &str) -> Result<()> {
        fs::write(self.deployment.folder().join("course.sh"), "#!/bin/bash\ntrue\n")?;
        fs::write(self.deployment.folder().join("config.yaml"), text)?;
        Ok(())
    }

    /// These instances run, and no others.
    fn stand<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> Result<()> {
        let there = self.cloud.present(OURS.0, OURS.1)?;
        let there: BTreeSet<&str> =
            there.iter().filter_map(|it| it["InstanceId"].as_str()).collect();
        assert_eq!(there, ids.into_iter().map(String::as_str).collect());
        assert_eq!(self.cloud.calls("StopInstances")?, 0);
        Ok(())
    }

    async fn launches_one_more(&self, ids: &mut Vec<String>) -> Result<()> {
        let allocator = self.deployment.start().await?;
        ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
        ids.push(self.instance(&format!("lablink-vm-dev-{}", ids.len() + 1))?);
        self.stand(&*ids)?;
        allocator.stop().await?;
        Ok(())
    }

    async fn touches_nothing<'a>(
        &self,
        allocator: &Allocator,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> Result<()> {
        let refused = ends(allocator, allocator.launch(1).await?, "failed").await?;
        let reason = refused["reason"].as_str().context("no reason")?;
        assert!(reason.contains("Nothing was changed") && reason.contains(FIRST), "{reason}");
        self.stand(ids)
    }
}
