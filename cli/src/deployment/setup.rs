use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;
use lablink_aws_calls::{Aws, Found};
use serde_json::json;

use super::{deploy::lines, settings::Settings, terraform::Terraform, which::Which};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = "\
Once for each account and region, by somebody who may make roles. Called again, it brings all up to date.

Example:
  lablink setup --config config/config.yaml
  lablink setup --github example/our-lablink --yes")]
pub struct Setup {
    #[command(flatten)]
    which: Which,
    /// A repository whose workflows may deploy, by GitHub's own sign-in (OIDC).
    #[arg(long, value_name = "OWNER/NAME")]
    github: Option<String>,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
}

/// Where the state of the bucket itself is, once there is one.
const KEY: &str = "bootstrap/terraform.tfstate";

impl Setup {
    pub async fn run(self, output: &Output) -> Result<()> {
        let which = self.which.resolved()?;
        let settings = Settings::read(&which).await?;
        let Settings { bucket_name, region, .. } = &settings;
        let aws = Aws::find(Found { region: Some(region.clone()), profile: None }).await;
        let caller = aws.caller().await.context("AWS does not know these credentials")?;
        output.note(&format!("Account {}, {region}, bucket {bucket_name}", caller.account));

        let module = which.infra.join("bootstrap");
        let place = which.infra.join(".lablink/bootstrap").join(bucket_name);
        fs::create_dir_all(&place)?;
        let terraform = Terraform::new(&module, &place)?;
        let local = place.join("local.tfstate");
        let is_moved = aws.text(bucket_name, KEY).await?.is_some();
        let progress = output.progress("Planning");
        let mut words = vec![format!("-var=config_path={}", which.config.display())];
        words.extend(which.variables.iter().map(|it| format!("-var={it}")));
        words.extend(self.github.iter().map(|it| format!("-var=github_repository={it}")));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (kind, at) = if is_moved {
            let own = ["encrypt=true".to_owned(), "use_lockfile=true".to_owned()];
            let [bucket, region] = [format!("bucket={bucket_name}"), format!("region={region}")];
            ("s3", [&own[..], &[bucket, region, format!("key={KEY}")]].concat())
        } else {
            ("local", vec![format!("path={}", local.display())])
        };
        let backend = format!("terraform {{\n  backend \"{kind}\" {{}}\n}}\n");
        fs::write(module.join("backend_override.tf"), backend)?;
        let at: Vec<_> = at.into_iter().map(|it| format!("-backend-config={it}")).collect();
        let mut init = vec!["init", "-reconfigure"];
        init.extend(at.iter().map(String::as_str));
        terraform.run(&init, &progress).await?;
        if !is_moved && aws.has_bucket(bucket_name).await? {
            adopt(&terraform, &words, bucket_name).await?;
        }
        let plan = terraform.plan(&words, &progress).await?;
        drop(progress);
        let changes = lines(&plan);
        if !plan.changes.is_empty() {
            output.note(&changes.join("\n"));
            if !self.yes {
                output.confirm("Make these changes?", "--yes")?;
            }
            let progress = output.progress("Applying");
            terraform.apply(&progress).await?;
        }
        if !is_moved {
            let progress = output.progress("Moving the state into the bucket");
            let state = fs::read_to_string(&local)?;
            aws.put_text(bucket_name, KEY, state).await?;
            progress.says("Done");
        }
        let told = json!({ "bucket": bucket_name, "changes": changes });
        output.answer(&told, |_| format!("{bucket_name} is ready for deployments."))
    }
}

/// A bucket that an earlier call made, whose state was lost.
async fn adopt(terraform: &Terraform, words: &[&str], bucket: &str) -> Result<()> {
    let address = "aws_s3_bucket.state";
    if terraform.held().await?.iter().any(|it| it == address) {
        return Ok(());
    }
    let mut import = vec!["import", "-input=false", "-no-color"];
    import.extend(words);
    import.extend([address, bucket]);
    if let Err(error) = terraform.text(&import).await {
        bail!(
            "the bucket {bucket} is there, and can't be taken over; choose another bucket_name. {error:#}"
        );
    }
    Ok(())
}
