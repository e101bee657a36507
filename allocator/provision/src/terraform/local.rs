use std::{
    collections::BTreeMap,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
};

use lablink_core::{Token, plain, vms::Provider};
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

    /// The machines of an environment that are made, by their names.
    pub(super) fn machines(&self, environment: &str) -> io::Result<Vec<Hostname>> {
        let ours = format!("lablink-vm-{environment}-");
        let is_ours = |name: &String| {
            name.strip_prefix(&ours).is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let names = self.names()?.into_iter().filter(is_ours);
        Ok(names.filter_map(|it| it.parse().ok()).filter(|it| self.is_made(it)).collect())
    }

    pub(super) fn has_folder(&self, hostname: &Hostname) -> bool {
        self.directory.join(hostname.as_str()).is_dir()
    }

    /// Ends a machine and deletes its folder. The inner error is what the script said.
    pub(super) async fn remove(&self, hostname: &Hostname) -> io::Result<Result<(), String>> {
        self.run("remove", hostname.as_str(), None).await
    }

    /// Ends what is left of these machines, as after an interrupted create: such a resource never
    /// runs its destroy provisioner.
    pub(super) async fn end(&self, unmade: impl IntoIterator<Item = &Hostname>) {
        for hostname in unmade.into_iter().filter(|it| self.has_folder(it)) {
            tracing::info!(machine.hostname = %hostname, "ending a local VM that was not made");
            if let Err(error) = self.call("remove", hostname.as_str(), None).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, machine.hostname = %hostname, "it could not be ended");
            }
        }
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
        let said = || plain(String::from_utf8_lossy(&output.stderr).trim()).into_owned();
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
            // A name that begins with a dot is no VM's: `vm.sh` deletes what it calls so.
            let name = entry.file_name().into_string();
            if entry.file_type()?.is_dir() && name.as_ref().is_ok_and(|it| !it.starts_with('.')) {
                names.extend(name);
            }
        }
        Ok(names)
    }
}

impl Provider for LocalVms {
    fn reboot<'a>(
        &'a self,
        hostname: &'a Hostname,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            if !self.directory.join(hostname.as_str()).is_dir() {
                return Err(io::Error::other("it has no folder on this machine"));
            }
            for verb in ["stop", "start"] {
                self.run(verb, hostname.as_str(), None).await?.map_err(io::Error::other)?;
            }
            Ok(())
        })
    }
}
