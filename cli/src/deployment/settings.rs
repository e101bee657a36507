use std::fs;

use anyhow::{Context, Result, bail};
use lablink_config::Config;
use serde::Deserialize;
use serde_json::Value;

use super::{terraform::Terraform, which::Which};
use crate::{errors::Refused, output::Progress};

/// What `infra/settings` makes of a configuration: complete and checked.
#[derive(Debug, Deserialize)]
pub struct Settings {
    pub environment: String,
    /// Empty: it has none.
    pub deployment_name: String,
    /// What everything is called after.
    pub name: String,
    /// Of its states, in the bucket.
    pub state_folder: String,
    pub region: String,
    pub bucket_name: String,
    /// Whether the VMs' state lies in the bucket; else on the host's disk.
    pub remote_client_state: bool,
    pub allocators: u32,
    pub db: Database,
    pub ssl: Ssl,
    pub file: Value,
}

#[derive(Debug, Deserialize)]
pub struct Database {
    pub kind: String,
}

#[derive(Debug, Deserialize)]
pub struct Ssl {
    pub provider: String,
}

impl Settings {
    /// Refused, with what to change, if the configuration is not fit for a deployment.
    pub async fn read(which: &Which) -> Result<Self> {
        let file = which.config.display();
        let text =
            fs::read_to_string(&which.config).with_context(|| format!("can't read {file}"))?;
        if let Err(problems) = Config::parse(&text) {
            bail!(Refused(format!("{file} has to be corrected: {problems}")));
        }
        let scratch = tempfile::tempdir()?;
        let terraform = Terraform::new(&which.infra.join("settings"), scratch.path())?;
        let plan = scratch.path().join("plan");
        let words = [
            "plan".to_owned(),
            "-lock=false".to_owned(),
            format!("-out={}", plan.display()),
            format!("-var=environment={}", which.environment),
            format!("-var=config_path={}", which.config.display()),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Err(error) = terraform.run(&words, &Progress::none()).await {
            bail!(Refused(format!("{file} is not fit for a deployment: {error:#}")));
        }
        let plan = terraform.json(&["show", "-json", &plan.to_string_lossy()]).await?;
        let settings = plan["planned_values"]["outputs"]["settings"]["value"].clone();
        serde_json::from_value(settings).context("infra/settings tells too little")
    }
}
