use std::{io, path::PathBuf, time::Duration};

use futures_util::StreamExt;
use lablink_core::{Scope, Token, chain, vms, worker::Limit};
use lablink_protocol::Hostname;
use tokio::process::Command;

use super::{StepError, step::Step};

/// How long `vm.sh` may take for one VM: to stop it, which is TERM, 5 s, KILL, 2 s; to start it.
const STOP: Duration = Duration::from_secs(8);
/// The same to delete its folder as well.
const REMOVE: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(20);
/// VMs that are started or stopped at the same time.
pub(super) const AT_ONCE: usize = 32;
/// How long stopping all VMs may take.
const STOP_ALL: Duration = Duration::from_secs(30);

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
    /// Where agents reach the allocator, as in `RuntimeVariables`.
    pub allocator_url: String,
    /// The program whose use agents tell; empty for none.
    pub subject_software: String,
}

impl LocalVms {
    /// What Terraform's environment tells the module.
    pub(super) fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("TF_VAR_local_dir", self.directory.clone()),
            ("TF_VAR_agent_program", self.agent.clone()),
            ("TF_VAR_remote_desktop_program", self.remote_desktop()),
        ]
    }

    fn remote_desktop(&self) -> PathBuf {
        self.script.with_file_name("start-host")
    }

    /// Whether the VM's machine is there: `vm.sh` writes the settings last, before it starts the
    /// agent, which can be started again any time.
    pub(super) fn is_made(&self, hostname: &Hostname) -> bool {
        self.directory.join(hostname.as_str()).join("settings").exists()
    }

    /// Stops the agents of all VMs; the VMs stay, and their rows say that they are stopped, since no
    /// allocator hears their agents' own goodbye. Names those that did not stop: one that can't be
    /// stopped is no reason to leave the others alone, or to wait for ever.
    pub async fn stop_all(&self, scope: &Scope) -> io::Result<Vec<String>> {
        let limit = Limit::default().within(STOP_ALL);
        let stopping = futures_util::stream::iter(self.names()?).map(|name| {
            let limit = limit.clone();
            async move {
                if self.stop(&name, limit).await.is_err() {
                    return Some(name);
                }
                if let Ok(hostname) = name.parse() {
                    // If this fails, the VM is found silent later.
                    let _told = vms::goodbye(scope, &hostname).await;
                }
                None
            }
        });
        Ok(stopping.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await)
    }

    /// Ends the agent of a VM with all that it started.
    pub(super) async fn stop(&self, name: &str, limit: Limit) -> Result<Vec<u8>, StepError> {
        told(name, self.step("stop", name, STOP, limit).run().await)
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

    /// Ends a machine, if there is one, and deletes its folder.
    pub(super) async fn remove(&self, hostname: &Hostname, limit: &Limit) -> Result<(), StepError> {
        if self.directory.join(hostname.as_str()).is_dir() {
            self.step("remove", hostname.as_str(), REMOVE, limit.clone()).run().await?;
        }
        Ok(())
    }

    /// Ends what is left of these machines, as after an interrupted create: such a resource never
    /// runs its destroy provisioner.
    pub(super) async fn end(&self, unmade: impl IntoIterator<Item = &Hostname>, limit: &Limit) {
        for hostname in unmade {
            let _told = told(hostname.as_str(), self.remove(hostname, limit).await);
        }
    }

    /// Ends the agent of a VM, and starts it again; with an enrolment token, as a new machine that
    /// enrols with that.
    pub async fn reboot(
        &self,
        hostname: &Hostname,
        enrolment: Option<&Token>,
        limit: &Limit,
    ) -> Result<(), StepError> {
        let name = hostname.as_str();
        if !self.directory.join(name).is_dir() {
            let cause = io::Error::other("it has no folder on this machine");
            return Err(StepError::Io { step: format!("vm.sh stop of {name}"), cause });
        }
        self.step("stop", name, STOP, limit.clone()).run().await?;
        let mut start = self.starting("start", name);
        start.command.envs(enrolment.map(|token| ("LABLINK_ENROLMENT_TOKEN", token.reveal())));
        // A stopped VM is started in any case.
        start.run().await.map(drop)
    }

    /// One call of `vm.sh`, which can be killed any time.
    pub(super) fn step(&self, verb: &str, name: &str, deadline: Duration, limit: Limit) -> Step {
        let mut command = Command::new("setsid");
        command
            .arg(&self.script)
            .arg(verb)
            .arg(self.directory.join(name))
            .env_clear()
            .envs(super::command::passed_on());
        let name = format!("vm.sh {verb} of {name}");
        Step { name, command, deadline, grace: Duration::ZERO, limit, notes: None }
    }

    /// One call of `vm.sh` that starts an agent, as the allocator that asks for it would have it.
    pub(super) fn starting(&self, verb: &str, name: &str) -> Step {
        let mut step = self.step(verb, name, START, Limit::default());
        step.command
            .env("ALLOCATOR_URL", &self.allocator_url)
            .env("SUBJECT_SOFTWARE", &self.subject_software)
            .env("LABLINK_AGENT_PROGRAM", &self.agent)
            .env("LABLINK_REMOTE_DESKTOP", self.remote_desktop());
        step
    }

    /// VMs that have a folder here.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
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

/// Says in the log what went wrong with one VM.
pub(super) fn told<T>(name: &str, done: Result<T, StepError>) -> Result<T, StepError> {
    done.inspect_err(|error| {
        let reason = chain(error);
        tracing::warn!(vm.hostname = name, reason, "a local VM does not do as it is told");
    })
}
