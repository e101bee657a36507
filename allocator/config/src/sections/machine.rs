use lablink_core::pools::Extension;

use crate::{
    client_images,
    section::Section,
    syntax::{ami_id, extension, git_url, image_reference, line, non_empty},
};

/// `machine`: what a client VM is made of. Needed by the Terraform module and the collector.
#[derive(Clone, Debug)]
pub struct Machine {
    /// EC2 instance type; default `g4dn.xlarge`.
    pub machine_type: String,
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
                .value("machine_type", non_empty)
                .unwrap_or_else(|| "g4dn.xlarge".into()),
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
