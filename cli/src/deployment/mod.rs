//! A deployment on AWS: what `infra` makes for one environment of a configuration, and the VMs that its
//! allocator makes there.

pub mod cleanup;
pub mod deploy;
pub mod destroy;
pub mod init;
pub mod interrupt;
mod price;
mod ready;
mod settings;
pub mod setup;
mod states;
mod terraform;
mod which;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lablink_aws_calls::{Aws, Found};
use tokio::time::sleep;

use crate::{errors::Refused, output::Output};
use settings::Settings;
use terraform::Terraform;
use which::Which;

/// Machines end within a minute or two.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_secs(3);

/// Ends machines, and waits until they have ended.
async fn ended(aws: &Aws, machines: &[String]) -> Result<()> {
    aws.terminate(machines).await?;
    for _ in 0..TRIES {
        let left = aws.instances_by_id(machines).await?;
        if left.iter().all(|it| it.state == "terminated") {
            return Ok(());
        }
        sleep(BETWEEN).await;
    }
    bail!("{} do not end: call again later", machines.join(", "))
}

/// A configuration that is fit to be deployed, and the account that it goes to.
struct Deployment {
    which: Which,
    settings: Settings,
    aws: Aws,
}

impl Deployment {
    /// Reads and checks the configuration, and finds out whose account it is.
    async fn open(which: Which, output: &Output) -> Result<Self> {
        let which = which.resolved()?;
        let progress = output.progress("Reading the configuration");
        let settings = Settings::read(&which).await?;
        progress.says("Asking AWS who we are");
        let aws = Aws::find(Found { region: Some(settings.region.clone()), profile: None }).await;
        let caller = aws.caller().await.context("AWS does not know these credentials")?;
        drop(progress);
        let Settings { name, region, .. } = &settings;
        output.note(&format!("Deployment {name}, account {}, {region}", caller.account));
        Ok(Self { which, settings, aws })
    }

    /// The module, connected to this deployment's state.
    async fn terraform(&self, output: &Output) -> Result<Terraform> {
        let Settings { bucket_name, region, state_folder, .. } = &self.settings;
        let bucket = self.aws.has_bucket(bucket_name).await?;
        let how = || Refused(format!("the bucket {bucket_name} does not exist: `lablink setup`"));
        ensure!(bucket, how());
        let terraform = Terraform::new(&self.which.infra, &self.which.place()?)?;
        let progress = output.progress("Connecting to Terraform's state");
        let key = format!("{state_folder}/terraform.tfstate");
        self.same_name(&terraform, &key)?;
        let backend = [("bucket", bucket_name), ("region", region), ("key", &key)];
        let backend = backend.map(|(name, value)| format!("-backend-config={name}={value}"));
        let mut words = vec!["init", "-reconfigure"];
        words.extend(backend.iter().map(String::as_str));
        terraform.run(&words, &progress).await?;
        Ok(terraform)
    }

    /// Under another name there would be a second deployment, beside one that nobody looks after.
    fn same_name(&self, terraform: &Terraform, key: &str) -> Result<()> {
        let Some(before) = terraform.connected_to() else { return Ok(()) };
        let why = format!(
            "{} was deployed as {}, and is {} now: deployment_name can't be set, changed or removed. \
             Take the earlier one back, or destroy that deployment first.",
            self.which.environment,
            before.trim_end_matches("/terraform.tfstate"),
            self.settings.state_folder,
        );
        ensure!(before == key, Refused(why));
        Ok(())
    }

    /// What the module is told.
    fn variables(&self) -> Vec<String> {
        let Which { config, environment, variables, .. } = &self.which;
        let own = [
            format!("-var=resource_suffix={environment}"),
            format!("-var=config_path={}", config.display()),
        ];
        own.into_iter().chain(variables.iter().map(|it| format!("-var={it}"))).collect()
    }

    /// What a variable was set to.
    fn variable(&self, name: &str) -> Option<&str> {
        let set = self.which.variables.iter().rev();
        set.filter_map(|it| it.split_once('=')).find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    /// The tags that all of it carries. Something without a name has none of `Deployment`.
    fn tags(&self) -> Vec<(&str, &str)> {
        let named = Some(self.settings.deployment_name.as_str()).filter(|name| !name.is_empty());
        let mut tags = vec![("Environment", self.settings.environment.as_str())];
        tags.extend(named.map(|name| ("Deployment", name)));
        tags
    }
}
