use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use lablink_protocol::Hostname;
use tokio::process::Command;

/// The processes on this machine that stand for VMs: what the `terraform/local` module needs to
/// know, and what must happen to them outside Terraform.
#[derive(Clone, Debug)]
pub struct LocalVms {
    /// Holds one folder per VM, called by its hostname.
    pub directory: PathBuf,
    /// The `lablink-client` program.
    pub agent: PathBuf,
    /// `vm.sh` of the module.
    pub script: PathBuf,
}

impl LocalVms {
    /// What Terraform's environment tells the module.
    pub(super) fn variables(&self) -> [(&'static str, &Path); 2] {
        [("TF_VAR_local_dir", &self.directory), ("TF_VAR_agent_program", &self.agent)]
    }

    /// Starts the agents of all VMs that are there: they had been stopped with the allocator.
    pub async fn start_all(&self) -> io::Result<()> {
        self.for_all("start").await
    }

    /// Stops the agents of all VMs; the VMs stay.
    pub async fn stop_all(&self) -> io::Result<()> {
        self.for_all("stop").await
    }

    /// Ends whatever runs for a VM of this environment that Terraform does not know, as after an
    /// interrupted create: such a resource never runs its destroy provisioner.
    pub(super) async fn reap(
        &self,
        environment: &str,
        known: impl Fn(&Hostname) -> bool,
    ) -> io::Result<()> {
        let ours = format!("lablink-vm-{environment}-");
        for name in self.names()?.into_iter().filter(|name| name.starts_with(&ours)) {
            if name.parse().is_ok_and(|hostname| !known(&hostname)) {
                tracing::info!(
                    machine.hostname = name,
                    "ending a local VM that is not in Terraform's state"
                );
                self.call("remove", &name).await?;
            }
        }
        Ok(())
    }

    async fn for_all(&self, verb: &str) -> io::Result<()> {
        let mut calls = tokio::task::JoinSet::new();
        for name in self.names()? {
            let (this, verb) = (self.clone(), verb.to_owned());
            calls.spawn(async move { this.call(&verb, &name).await });
        }
        calls.join_all().await.into_iter().collect()
    }

    async fn call(&self, verb: &str, name: &str) -> io::Result<()> {
        let output = Command::new(&self.script)
            .arg(verb)
            .arg(self.directory.join(name))
            .env_clear()
            .envs(super::command::passed_on())
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            tracing::warn!(machine.hostname = name, said, "vm.sh {verb} failed");
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }
}
