use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use lablink_core::{
    Token,
    operations::{Lease, LeaseError, RENEW_EVERY},
};
use lablink_protocol::Hostname;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Workspace, follow::Follower, leftovers::Process, messages::Progress, state::number, workspace,
};

/// How often the output is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long Terraform may take to stop once it was asked to.
const GRACE: Duration = Duration::from_secs(30);
/// The same when the allocator itself is stopping: service managers wait less.
const HURRIED_GRACE: Duration = Duration::from_secs(8);

/// One `terraform apply`.
pub(super) struct Apply<'a> {
    pub workspace: &'a Workspace,
    pub lease: &'a Lease,
    /// For the output, the pid and nothing else.
    pub folder: &'a Path,
    /// The VMs that shall exist afterwards.
    pub vms: Vec<Hostname>,
    /// For VMs that are made by this run.
    pub enrolment_tokens: BTreeMap<Hostname, Token>,
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    Succeeded,
    Failed {
        exit_code: Option<i32>,
        reason: String,
    },
    /// Somebody asked for it to stop.
    Cancelled,
    /// The allocator is stopping.
    Interrupted,
    /// Somebody else works on the operation now: nothing more is ours to write.
    LeaseLost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancel,
    Shutdown,
    LeaseLost,
}

impl Apply<'_> {
    pub async fn run(self, shutdown: &CancellationToken) -> io::Result<Ended> {
        self.write_vms()?;
        let output = self.folder.join("terraform.jsonl");
        let errors = self.folder.join("terraform.stderr");
        let mut child = self
            .workspace
            .program
            .command(&self.workspace.directory)
            .args(["apply", "-json", "-auto-approve", "-input=false", "-lock-timeout=30s"])
            .arg(format!("-var-file={}", workspace::RUNTIME_VARIABLES))
            .envs(self.environment.iter().cloned())
            .env("TF_VAR_enrolment_tokens", self.tokens())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()?;
        let process = child.id().and_then(|pid| Process::find(i32::try_from(pid).ok()?));
        if let Some(process) = process {
            process.note(self.folder)?;
        }

        let mut follower = Follower::open(&output)?;
        let mut progress = Progress::default();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut renew = tokio::time::interval(RENEW_EVERY);
        let mut stopping: Option<(Stop, Instant)> = None;
        let status = loop {
            let wish = tokio::select! {
                status = child.wait() => break status?,
                _ = look.tick() => self.report(&mut follower, &mut progress).await?,
                _ = renew.tick() => self.renew().await,
                () = shutdown.cancelled(), if stopping.is_none() => Some(Stop::Shutdown),
            };
            match (wish, stopping, process) {
                (Some(wish), None, Some(process)) => {
                    process.interrupt();
                    let grace = if wish == Stop::Cancel { GRACE } else { HURRIED_GRACE };
                    stopping = Some((wish, Instant::now() + grace));
                }
                (_, Some((_, deadline)), Some(process)) if Instant::now() > deadline => {
                    process.kill_group();
                }
                _ => {}
            }
        };
        let lost = self.report(&mut follower, &mut progress).await?;
        Ok(match (stopping.map(|(stop, _)| stop).or(lost), status.success()) {
            (Some(Stop::LeaseLost), _) => Ended::LeaseLost,
            // It was done before it heard of the stop.
            (_, true) => Ended::Succeeded,
            (Some(Stop::Cancel), false) => Ended::Cancelled,
            (Some(Stop::Shutdown), false) => Ended::Interrupted,
            (None, false) => Ended::Failed {
                exit_code: status.code(),
                reason: reason(&progress, status, &errors),
            },
        })
    }

    /// Passes on what Terraform has said since. With the database away, it is kept for later.
    async fn report(
        &self,
        follower: &mut Follower,
        progress: &mut Progress,
    ) -> io::Result<Option<Stop>> {
        for line in follower.lines()? {
            progress.take(&line);
        }
        if progress.lines.is_empty() {
            return Ok(None);
        }
        match self.lease.advance(progress.done, progress.total, &progress.lines).await {
            Ok(()) => progress.lines.clear(),
            Err(LeaseError::Lost) => return Ok(Some(Stop::LeaseLost)),
            Err(LeaseError::Db(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "progress could not be written"
                );
            }
        }
        Ok(None)
    }

    async fn renew(&self) -> Option<Stop> {
        match self.lease.renew().await {
            Ok(cancelling) => cancelling.then_some(Stop::Cancel),
            Err(LeaseError::Lost) => Some(Stop::LeaseLost),
            // A lease that can't be renewed is lost once another takes it, and then we hear so.
            Err(LeaseError::Db(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the lease could not be renewed"
                );
                None
            }
        }
    }

    fn write_vms(&self) -> io::Result<()> {
        let vms: BTreeMap<&Hostname, _> = self
            .vms
            .iter()
            .filter_map(|name| Some((name, serde_json::json!({ "number": number(name)? }))))
            .collect();
        let json = serde_json::json!({ "vms": vms }).to_string();
        std::fs::write(self.workspace.directory.join(workspace::VMS), json)
    }

    /// By the environment, not by a file or an argument: nothing is left of them afterwards.
    fn tokens(&self) -> String {
        let tokens: BTreeMap<&Hostname, &str> =
            self.enrolment_tokens.iter().map(|(name, token)| (name, token.reveal())).collect();
        serde_json::json!(tokens).to_string()
    }
}

/// Terraform's first error, else what it said outside its messages.
fn reason(progress: &Progress, status: ExitStatus, errors: &Path) -> String {
    if let Some(error) = &progress.first_error {
        return error.clone();
    }
    let said = std::fs::read_to_string(errors).unwrap_or_default();
    match said.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(last) => format!("Terraform ended with {status}: {last}"),
        None => format!("Terraform ended with {status} and gave no reason."),
    }
}
