use std::{num::NonZero, path::PathBuf, sync::Arc};

use lablink_core::{
    DbError, Scope, SecretKey, chain,
    pools::Source,
    secrets::AwsLogin,
    ssh::{self, FitAddresses, SshAccess, SshAccessError},
    vms,
};
use lablink_protocol::Hostname;

use super::{Machine, Reach};
use crate::terraform::{CloudAccess, Workspace};

/// Knows how the VMs of a pool are reached.
pub struct Machines {
    pub scope: Scope,
    /// Opens the SSH keys of machines that were registered by hand.
    pub secret_key: Option<SecretKey>,
    /// Where those may be reached.
    pub ssh_addresses: FitAddresses,
    /// Holds a folder per local VM, if they are made here.
    pub local: Option<PathBuf>,
    /// For VMs in a cloud, if they are made here.
    pub cloud: Option<Cloud>,
}

/// Where the ways to VMs in a cloud are kept.
#[derive(Clone)]
pub struct Cloud {
    /// Terraform's folder.
    pub workspace: Workspace,
    /// Opens its state.
    pub aws: Arc<AwsLogin>,
}

/// What the VMs of `terraform/aws` have.
const CLOUD_LOGIN: &str = "ubuntu";
const SSH_PORT: NonZero<u16> = NonZero::new(22).expect("not 0");

impl Machines {
    /// These VMs, or all that are there, in their order.
    pub(crate) async fn find(&self, these: Option<&[Hostname]>) -> Result<Vec<Machine>, DbError> {
        let vms = match these {
            Some(these) => vms::named(&self.scope, these).await?,
            None => vms::list(&self.scope).await?,
        };
        let cloud = match vms.iter().any(|vm| vm.source == Source::Aws) {
            true => self.cloud().await,
            false => Ok(CloudAccess::default()),
        };
        let mut machines = Vec::new();
        for vm in &vms {
            let reach = match vm.source {
                Source::Local => self.here(&vm.hostname),
                Source::Aws => self.in_cloud(&vm.hostname, &cloud).await?,
                Source::Manual => self.registered(&vm.hostname).await?,
                Source::Unknown => Reach::None(
                    "it reported by itself, and nobody has said how it is reached".to_owned(),
                ),
            };
            machines.push(Machine { hostname: vm.hostname.clone(), number: vm.number, reach });
        }
        let gone = these.unwrap_or_default().iter();
        for hostname in gone.filter(|it| vms.iter().all(|vm| vm.hostname != **it)) {
            let reach = Reach::None("it is not there any more".to_owned());
            machines.push(Machine { hostname: hostname.clone(), number: None, reach });
        }
        Ok(machines)
    }

    fn here(&self, hostname: &Hostname) -> Reach {
        match self.local.as_ref().map(|local| local.join(hostname.as_str())) {
            Some(folder) if folder.is_dir() => Reach::Here(folder),
            Some(_) | None => Reach::None(
                "its folder is not on this machine: collect on the allocator that made it"
                    .to_owned(),
            ),
        }
    }

    async fn cloud(&self) -> Result<CloudAccess, String> {
        let Some(Cloud { workspace, aws }) = &self.cloud else {
            return Err("this allocator has no Terraform for VMs on AWS".to_owned());
        };
        let keys = aws.session(&self.scope).await.map_err(|error| chain(&error))?;
        CloudAccess::pull(&workspace.with_keys(keys)).await.map_err(|error| chain(&error))
    }

    async fn in_cloud(
        &self,
        hostname: &Hostname,
        access: &Result<CloudAccess, String>,
    ) -> Result<Reach, DbError> {
        let none = |why: &str| Ok(Reach::None(why.to_owned()));
        let cloud = match access {
            Ok(cloud) => cloud,
            Err(why) => return none(&format!("its address can't be told: {why}")),
        };
        let Some(private_key) = cloud.private_key.clone() else {
            return none("Terraform's state has no SSH key for it");
        };
        match cloud.address(hostname) {
            None => none("Terraform's state does not know it"),
            Some(None) => none("it has no IP address yet"),
            Some(Some(address)) => {
                let address = address.into();
                let login = CLOUD_LOGIN.parse().expect("a user's name");
                let (port, directory) = (SSH_PORT, None);
                let access = SshAccess { address, port, login, private_key, directory };
                self.with_host_key(hostname, access, None).await
            }
        }
    }

    async fn registered(&self, hostname: &Hostname) -> Result<Reach, DbError> {
        let key = self.secret_key.as_ref();
        match ssh::access(&self.scope, key, hostname).await {
            Ok(Some(access)) => {
                self.with_host_key(hostname, access, Some(self.ssh_addresses)).await
            }
            Ok(None) => Ok(Reach::None(
                "it was registered without SSH: register it again with an address and a key"
                    .to_owned(),
            )),
            Err(error @ (SshAccessError::Locked | SshAccessError::Replaced)) => {
                Ok(Reach::None(error.to_string()))
            }
            Err(SshAccessError::Db(error)) => Err(error),
        }
    }

    async fn with_host_key(
        &self,
        hostname: &Hostname,
        access: SshAccess,
        fit: Option<FitAddresses>,
    ) -> Result<Reach, DbError> {
        let host_key = ssh::host_key(&self.scope, hostname).await?;
        Ok(Reach::Ssh { access, host_key, fit })
    }
}
