use std::{
    collections::BTreeMap,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
};

use lablink_core::{Token, vms::Provider};
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

    /// Starts the agents of all VMs that are there and don't run: they were stopped with the
    /// allocator, or the machine was. VMs in `tokens` start as new machines that enrol with these.
    pub async fn start_all(&self, tokens: &BTreeMap<Hostname, Token>) -> io::Result<()> {
        self.for_all("start", tokens).await
    }

    /// Whether the VM's machine is there: `vm.sh` writes the settings last, before it starts the
    /// agent, which can be started again any time.
    pub(super) fn is_made(&self, hostname: &Hostname) -> bool {
        self.directory.join(hostname.as_str()).join("settings").exists()
    }

    /// VMs whose agent ended before it had a token of its own. Their enrolment tokens went with
    /// them: those are stored nowhere.
    pub fn unenrolled(&self) -> io::Result<Vec<Hostname>> {
        let has_token = |name: &str| self.directory.join(name).join("state/agent-token").exists();
        let names = self.names()?.into_iter().filter(|name| !has_token(name));
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    /// Stops the agents of all VMs; the VMs stay.
    pub async fn stop_all(&self) -> io::Result<()> {
        self.for_all("stop", &BTreeMap::new()).await
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
                self.call("remove", &name, None).await?;
            }
        }
        Ok(())
    }

    async fn for_all(&self, verb: &str, tokens: &BTreeMap<Hostname, Token>) -> io::Result<()> {
        let mut calls = tokio::task::JoinSet::new();
        for name in self.names()? {
            let token = name.parse().ok().and_then(|hostname: Hostname| tokens.get(&hostname));
            let (this, verb, token) = (self.clone(), verb.to_owned(), token.cloned());
            calls.spawn(async move { this.call(&verb, &name, token.as_ref()).await });
        }
        calls.join_all().await.into_iter().collect()
    }

    /// One VM that can't be stopped or started is no reason to leave the others alone.
    async fn call(&self, verb: &str, name: &str, token: Option<&Token>) -> io::Result<()> {
        if let Err(said) = self.run(verb, name, token).await? {
            tracing::warn!(machine.hostname = name, said, "vm.sh {verb} failed");
        }
        Ok(())
    }

    /// The inner error is what the script said.
    async fn run(
        &self,
        verb: &str,
        name: &str,
        token: Option<&Token>,
    ) -> io::Result<Result<(), String>> {
        let output = Command::new(&self.script)
            .arg(verb)
            .arg(self.directory.join(name))
            .env_clear()
            .envs(super::command::passed_on())
            .envs(token.map(|token| ("LABLINK_ENROLMENT_TOKEN", token.reveal())))
            .stdin(Stdio::null())
            .output()
            .await?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(if output.status.success() { Ok(()) } else { Err(said()) })
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

impl Provider for LocalVms {
    fn reboot<'a>(
        &'a self,
        hostname: &'a Hostname,
        enrolment: Option<&'a Token>,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            if !self.directory.join(hostname.as_str()).is_dir() {
                return Err(io::Error::other("it has no folder on this machine"));
            }
            for (verb, token) in [("stop", None), ("start", enrolment)] {
                self.run(verb, hostname.as_str(), token).await?.map_err(io::Error::other)?;
            }
            Ok(())
        })
    }
}
