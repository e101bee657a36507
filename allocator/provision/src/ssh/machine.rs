use std::path::PathBuf;

use lablink_core::{
    Db,
    pools::PoolId,
    ssh::{self, FitAddresses, SshAccess},
};
use lablink_protocol::Hostname;

use super::trouble;

/// A VM, and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub hostname: Hostname,
    /// Of a VM that LabLink launched.
    pub number: Option<i32>,
    pub reach: Reach,
}

/// The way to a VM's files.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// A local VM: its folder on this machine.
    Here(PathBuf),
    Ssh {
        access: SshAccess,
        /// As `known_hosts` has it: type and base64. None: this is the first contact.
        host_key: Option<String>,
        /// What its address may be, where somebody has typed it. None: Terraform has told us.
        fit: Option<FitAddresses>,
    },
    /// There is none; why.
    None(String),
}

impl Machine {
    /// Takes a first contact's host key for the machine's own from now on. The error is a sentence.
    pub async fn remember(
        &mut self,
        db: &Db,
        pool: PoolId,
        learned: Option<String>,
    ) -> Result<(), String> {
        let (Reach::Ssh { host_key, .. }, Some(learned)) = (&mut self.reach, learned) else {
            return Ok(());
        };
        let known = ssh::remember_host_key(db, pool, &self.hostname, &learned).await;
        let known = known.map_err(|error| {
            format!("its host key could not be remembered, so it was left alone: {error}")
        })?;
        if known.as_deref().is_some_and(|known| known != learned) {
            return Err(trouble::CHANGED.to_owned());
        }
        *host_key = Some(learned);
        Ok(())
    }
}
