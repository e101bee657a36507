use anyhow::Result;
use lablink_config::Config;
use lablink_provision::terraform::Backend;

use super::places::Places;
use crate::cli::ServeArgs;

/// Where Terraform keeps its state: the folder given by flag, else the configuration's bucket in
/// the environments that use it, else a folder of the data directory.
pub fn state_backend(args: &ServeArgs, config: &Config, places: &Places) -> Result<Backend> {
    let environment = &args.environment;
    let named = |between: &str| match &config.deployment_name {
        Some(name) => format!("{name}{between}{environment}"),
        None => environment.to_string(),
    };
    let folder = match (&args.state_dir, &config.bucket_name) {
        (Some(path), _) => std::path::absolute(path)?,
        (None, Some(bucket)) if environment.has_remote_state() => {
            return Ok(Backend::S3 {
                bucket: bucket.clone(),
                // As the original's deployments have it (contract §2.6), in a folder of its name.
                key: format!("{}/client/terraform.tfstate", named("/")),
                region: config.app.region.clone(),
            });
        }
        (None, _) => places.private("state")?,
    };
    // No name holds the dot.
    Ok(Backend::File(folder.join(format!("{}.tfstate", named(".")))))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    /// What `serve` with these flags does with this configuration, in a data directory of its own.
    fn chosen(flags: &[&str], yaml: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::new(Some(folder.path())).unwrap();
        let args = Cli::parse_from([&["lablink-allocator"], flags].concat()).serve;
        match state_backend(&args, &Config::parse(yaml).unwrap(), &places).unwrap() {
            Backend::S3 { bucket, key, region } => format!("{bucket} {key} {region}"),
            Backend::File(path) => match path.strip_prefix(folder.path()) {
                Ok(inside) => inside.display().to_string(),
                Err(_outside) => path.display().to_string(),
            },
        }
    }

    #[test]
    fn the_bucket_is_for_the_environments_that_are_deployed() {
        let yaml = "bucket_name: states\napp: {region: eu-west-1}";
        let in_bucket = "states test/client/terraform.tfstate eu-west-1";
        assert_eq!(chosen(&["--environment", "test"], yaml), in_bucket);
        assert_eq!(chosen(&["--environment", "dev"], yaml), "state/dev.tfstate");
        assert_eq!(chosen(&["--environment", "prod"], ""), "state/prod.tfstate");
        let of_biology = format!("deployment_name: biology\n{yaml}");
        let in_its_folder = "states biology/test/client/terraform.tfstate eu-west-1";
        assert_eq!(chosen(&["--environment", "test"], &of_biology), in_its_folder);
        let in_its_file = "state/biology.dev.tfstate";
        assert_eq!(chosen(&["--environment", "dev"], &of_biology), in_its_file);
        let here = ["--environment", "test", "--state-dir", "/srv/state"];
        assert_eq!(chosen(&here, yaml), "/srv/state/test.tfstate");
    }
}
