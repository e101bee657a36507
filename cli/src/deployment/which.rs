use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

/// Which deployment.
#[derive(Debug, Args)]
pub struct Which {
    /// Its configuration.
    #[arg(long, env = "LABLINK_CONFIG", default_value = "config/config.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// Its environment, such as dev, test or prod.
    #[arg(long, short, env = "ENVIRONMENT", default_value = "prod", value_name = "NAME")]
    pub environment: String,
    /// The folder of Terraform's module that makes it.
    #[arg(long, default_value = "infra", value_name = "DIR")]
    pub infra: PathBuf,
    /// A variable of that module, as its variables.tf tells them. Give the same ones each time.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
}

impl Which {
    /// With whole paths: Terraform runs in another folder.
    pub fn resolved(self) -> Result<Self> {
        let whole = |path: &PathBuf| {
            fs::canonicalize(path).with_context(|| format!("there is no {}", path.display()))
        };
        Ok(Self { config: whole(&self.config)?, infra: whole(&self.infra)?, ..self })
    }

    /// Where Terraform's own files of this deployment lie.
    pub fn place(&self) -> Result<PathBuf> {
        let place = self.infra.join(".lablink").join(&self.environment);
        fs::create_dir_all(&place).with_context(|| format!("can't make {}", place.display()))?;
        Ok(place)
    }
}
