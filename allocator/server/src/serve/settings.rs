use std::path::PathBuf;

use anyhow::{Result, bail};
use lablink_config::{
    Config, Environment, Overrides, ProviderKind, locate, startup_problems, unfit_url,
};
use lablink_core::SecretKey;

use crate::cli::{DatabaseArgs, ServeArgs};

/// An environment variable that is set, and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The key that seals secrets in the database (`LABLINK_SECRET_KEY`), if it is set.
pub fn secret_key() -> Result<Option<SecretKey>> {
    Ok(variable("LABLINK_SECRET_KEY").map(|text| text.parse()).transpose()?)
}

/// Where the configuration is.
pub fn config_file(args: &DatabaseArgs) -> PathBuf {
    let path = |name| variable(name).map(PathBuf::from);
    let (dir, name) = (path("CONFIG_DIR"), path("CONFIG_NAME"));
    locate(args.config.as_deref(), dir.as_deref(), name.as_deref())
}

/// The configuration with the process environment on top.
pub fn load(args: &DatabaseArgs, admin_user: Option<&str>) -> Result<Config> {
    let (admin_password, db_password) = (variable("ADMIN_PASSWORD"), variable("DB_PASSWORD"));
    let access_code = variable("LABLINK_ACCESS_CODE");
    let overrides = Overrides {
        admin_user,
        admin_password: admin_password.as_deref(),
        db_password: db_password.as_deref(),
        access_code: access_code.as_deref(),
    };
    match Config::load(&config_file(args))?.with_overrides(overrides) {
        Ok(config) => Ok(config),
        Err(problems) => bail!("the environment has to be corrected:\n{problems}"),
    }
}

/// The configuration of a server. An error if it is not fit for service.
pub fn load_to_serve(args: &ServeArgs) -> Result<Config> {
    let mut config = load(&args.database, args.admin_user.as_deref())?;
    if variable("DATABASE_URL").is_some() && !args.database.embedded_postgres {
        // It wins over the section, so a default password there is no danger.
        config.db = None;
    }
    if let Some(fault) = unfit_url(args.allocator_fqdn.as_deref()) {
        bail!("ALLOCATOR_FQDN (--allocator-fqdn): {fault}");
    }
    refuse_unfit(&config, &args.environment)?;
    let warnings = match args.environment.is_dev() {
        // Default logins are fine on a developer's own machine.
        true => config.without_effect(),
        false => config.warnings(),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// What `terraform/aws` has room for.
const LONGEST_NAME: usize = 32;

fn refuse_unfit(config: &Config, environment: &Environment) -> Result<()> {
    let problems = startup_problems(config, environment);
    if !problems.is_empty() {
        bail!(
            "not fit to be served in '{environment}':\n- {}\n(ENVIRONMENT=dev takes these, for \
             trying LabLink on your own machine.)",
            problems.join("\n- ")
        );
    }
    if let Some(name) = &config.deployment_name
        && name.len() + environment.as_str().len() > LONGEST_NAME
    {
        bail!(
            "deployment_name and ENVIRONMENT have more than {LONGEST_NAME} characters together, \
             which names in AWS have no room for: shorten '{name}' or '{environment}'"
        );
    }
    if config.provider == ProviderKind::Aws && !cfg!(feature = "aws") {
        bail!(
            "this lablink-allocator was built without AWS: build it with the feature 'aws', or set \
             'provider: local' or 'provider: manual' in the configuration"
        );
    }
    Ok(())
}
