use lablink_config::Config;
use lablink_core::logs::FromAws;
use lablink_provision::terraform::RuntimeVariables;

use crate::cli::ServeArgs;

/// What every module of Terraform's is told. `allocator_ip`: the address that VMs let in; none: they
/// are on this machine.
pub fn variables(
    args: &ServeArgs,
    config: &Config,
    allocator_ip: Option<&str>,
) -> RuntimeVariables {
    let url = config.allocator_url(args.allocator_fqdn.as_deref(), allocator_ip);
    let environment = args.environment.as_str();
    RuntimeVariables {
        allocator_ip: allocator_ip.unwrap_or("127.0.0.1").to_owned(),
        allocator_url: url.unwrap_or_else(|| format!("http://127.0.0.1:{}", args.listen.port())),
        machine_type: config.machine.machine_type.clone(),
        image_name: config.machine.image.clone(),
        repository: config.machine.repository.clone().unwrap_or_default(),
        client_ami_id: config.machine.ami_id.clone(),
        subject_software: config.machine.software.clone(),
        resource_suffix: environment.to_owned(),
        cloud_init_output_log_group: match config.logs.from_aws {
            FromAws::CloudWatch => args.cloud_init_log_group.clone().unwrap_or_else(|| {
                let parts = config.deployment_name.as_deref().into_iter().chain([environment]);
                let name: Vec<&str> = parts.collect();
                format!("lablink-cloud-init-{}", name.join("-"))
            }),
            // Without a group, VMs send their own.
            FromAws::Direct => String::new(),
        },
        region: config.app.region.clone(),
        startup_on_error: config.startup_script.on_error.as_str().to_owned(),
        ..RuntimeVariables::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn vms_on_aws_learn_of_a_log_group_only_where_their_logs_go_by_it() {
        let group = |yaml| {
            let options = ["lablink-allocator", "--cloud-init-log-group", "our-group"];
            let config = Config::parse(yaml).unwrap();
            variables(&Cli::parse_from(options).serve, &config, None).cloud_init_output_log_group
        };
        assert_eq!(group(""), "our-group");
        assert_eq!(group("logs: {from_aws: direct}"), "");
    }

    #[test]
    fn vms_on_this_machine_find_the_allocator_where_it_listens() {
        let args = Cli::parse_from(["lablink-allocator", "--listen", "127.0.0.1:5871"]).serve;
        let config = Config::parse("provider: local").unwrap();
        assert_eq!(variables(&args, &config, None).allocator_url, "http://127.0.0.1:5871");
    }
}
