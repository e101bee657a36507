use lablink_core::pools::Extension;

use crate::{
    client_images,
    section::Section,
    syntax::{
        ami_id, boolean, extension, git_url, image_reference, key_arn, line, machine_type, price,
        root_volume_gb, zone,
    },
};

/// `machine`: what a client VM is made of. Needed by the Terraform module and the collector.
#[derive(Clone, Debug)]
pub struct Machine {
    /// EC2 instance type; default `g4dn.xlarge`.
    pub machine_type: String,
    /// EC2 instance types that VMs are made of, in this order, where the first is not to be had.
    pub other_machine_types: Vec<String>,
    /// Availability zones that VMs are made in; none: all that offer their type.
    pub zones: Vec<String>,
    /// Spot machines, which AWS may take back after two minutes' notice; default false.
    pub spot: bool,
    /// The most that a spot machine may cost, in USD an hour; none: the price on demand.
    pub spot_max_price: Option<String>,
    /// GiB of a VM's disk; default 80.
    pub root_volume_gb: u32,
    /// ARN of the KMS key that disks are encrypted with; none: the account's key for EBS.
    pub kms_key_id: Option<String>,
    /// Whether VMs get a public address; default true. Without one, their subnets need a NAT gateway.
    pub assign_public_ip: bool,
    /// Git URL that a VM clones onto its desktop; none by default.
    pub repository: Option<String>,
    /// Reference of the container image that a VM runs.
    pub image: String,
    /// Image of the VM itself (Ubuntu with Docker and the NVIDIA driver). Ids belong to one
    /// region: the default is that of `config/client-images.json` for `app.region`.
    pub ami_id: String,
    /// Name of the process that tells whether a VM is in use; default `sleap`.
    pub software: String,
    /// Extension of the files that are collected, without a dot; default `slp`.
    pub extension: Extension,
}

impl Machine {
    /// `region`: where VMs are made.
    pub(crate) fn read(machine: &mut Section<'_>, region: &str) -> Self {
        Self {
            machine_type: machine
                .value("machine_type", machine_type)
                .unwrap_or_else(|| "g4dn.xlarge".into()),
            other_machine_types: machine.list("other_machine_types", machine_type),
            zones: machine.list("zones", zone),
            spot: machine.value("spot", boolean).unwrap_or(false),
            spot_max_price: machine.nullable("spot_max_price", price),
            root_volume_gb: machine.value("root_volume_gb", root_volume_gb).unwrap_or(80),
            kms_key_id: machine.nullable("kms_key_id", key_arn),
            assign_public_ip: machine.value("assign_public_ip", boolean).unwrap_or(true),
            repository: machine.nullable("repository", git_url).filter(|url| !url.is_empty()),
            image: machine
                .value("image", image_reference)
                .unwrap_or_else(|| "ghcr.io/talmolab/lablink-client-base-image:latest".into()),
            ami_id: machine
                .value("ami_id", ami_id)
                .unwrap_or_else(|| client_images::of(region).into()),
            software: machine.value("software", line).unwrap_or_else(|| "sleap".into()),
            extension: machine.value("extension", extension).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn machine(yaml: &str) -> Machine {
        Config::parse(yaml).unwrap().machine
    }

    #[test]
    fn where_and_as_what_vms_are_made_can_be_set() {
        let usual = machine("");
        assert!(usual.other_machine_types.is_empty() && usual.zones.is_empty());
        assert_eq!((usual.spot, usual.root_volume_gb, usual.assign_public_ip), (false, 80, true));
        let own = machine(
            "machine:\n  other_machine_types: [g5.xlarge, g6.xlarge]\n  zones:\n    - us-west-2a\n\
             \n  spot: true\n  spot_max_price: 0.25\n  root_volume_gb: 120\n  \
             kms_key_id: arn:aws:kms:us-west-2:123456789012:key/0a1b-2c\n  assign_public_ip: false\n",
        );
        assert_eq!(own.other_machine_types, ["g5.xlarge", "g6.xlarge"]);
        assert_eq!(own.zones, ["us-west-2a"]);
        assert_eq!(own.spot_max_price.as_deref(), Some("0.25"));
        assert_eq!((own.spot, own.root_volume_gb, own.assign_public_ip), (true, 120, false));
        assert!(own.kms_key_id.unwrap().ends_with("0a1b-2c"));
        assert_eq!(machine("machine: {kms_key_id: null, spot_max_price: ~}").kms_key_id, None);
    }

    #[test]
    fn what_can_t_be_made_is_told_with_what_to_write() {
        for (yaml, why) in [
            ("machine_type: big", "an EC2 instance type, such as g4dn.xlarge, found 'big'"),
            ("other_machine_types: g5.xlarge", "expected a list, as in [a, b], found one value"),
            ("other_machine_types: [g5]", "an EC2 instance type, such as g4dn.xlarge, found 'g5'"),
            ("zones: [[us-west-2a]]", "expected a list of single values, found a list"),
            ("zones: [a]", "an availability zone, such as us-west-2a, found 'a'"),
            ("zones: [eu-west-1a]", "machine.zones: eu-west-1a is not in app.region, us-west-2"),
            ("spot: maybe", "expected true or false"),
            ("spot_max_price: cheap", "a price in USD an hour, such as 0.25, found 'cheap'"),
            ("root_volume_gb: 4", "a whole number of GiB from 8 to 16384, found '4'"),
            ("kms_key_id: alias/mine", "the ARN of a KMS key"),
            (
                "kms_key_id: arn:aws:kms:eu-west-1:123456789012:key/0a",
                "machine.kms_key_id is a key in eu-west-1, but app.region is us-west-2",
            ),
            ("zone: [us-west-2a]", "machine.zones"),
        ] {
            let found = Config::parse(&format!("machine: {{{yaml}}}")).unwrap_err().to_string();
            assert!(found.contains(why), "{yaml}: {found}");
        }
    }
}
