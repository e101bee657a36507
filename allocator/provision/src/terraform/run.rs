use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use lablink_core::{
    Token,
    amount::counted,
    operations::{Lease, LeaseError, Makes},
    placement::Place,
    plain,
    worker::{Attempt, Ended, Held, Stop},
};
use lablink_protocol::Hostname;
use tokio::{
    process::Child,
    time::{Instant, sleep_until},
};

use super::{
    LOCK_TIMEOUT, Workspace, follow::Follower, leftovers, plan::Aims, process::Process,
    progress::Progress, state::Doubt, workspace,
};

/// How often the output is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long it may take in all, and how much more for each VM: beyond that it hangs.
const LONGEST: Duration = Duration::from_hours(1);
const LONGEST_PER_VM: Duration = Duration::from_secs(30);

/// One change that Terraform makes to the VMs.
pub(super) struct Apply<'a> {
    /// What a finished step means.
    pub makes: Makes,
    pub workspace: &'a Workspace,
    pub lease: &'a Lease,
    /// For Terraform's output.
    pub folder: &'a Path,
    /// The VMs that shall exist afterwards.
    pub vms: Vec<Hostname>,
    /// The VMs that the change is about. Where a plan is made first, nothing is done to others.
    pub named: BTreeSet<Hostname>,
    /// Addresses of the machines that are to be made anew though they are whole.
    pub replace: Vec<String>,
    /// For VMs that are made by this run.
    pub enrolment_tokens: BTreeMap<Hostname, Token>,
    /// Where those of them are made that the module does not place by itself.
    pub placements: BTreeMap<Hostname, Place>,
    /// How many resources earlier attempts have done.
    pub done: i32,
}

/// What is known before anything is changed.
pub(super) enum Planned {
    /// The run itself plans.
    Later,
    /// A plan in this file, which is fit.
    In { file: PathBuf, progress: Box<Progress>, aims: Aims },
}

/// What a run leaves for the writing of its end.
#[derive(Debug, Default)]
pub struct Ran {
    /// What Terraform said, as far as it could not be written yet.
    pub(super) progress: Progress,
    /// Whether Terraform was let at the VMs at all, by us or by an earlier worker.
    pub(super) applied: bool,
    /// What stopped it before it began: a state that can't be true.
    pub(super) doubt: Option<Doubt>,
    /// Where its machines were to be, and could be.
    pub(super) aims: Aims,
    /// The machine types that VMs may be made of, the wanted one first.
    pub(super) types: Vec<String>,
}

/// How it came to its end.
struct Watched {
    status: ExitStatus,
    /// Why it was asked to stop.
    stop: Option<Stop>,
    /// It was asked to stop because it took too long.
    overdue: bool,
}

impl Apply<'_> {
    /// Errors happen before Terraform runs, or after it was ended: none is left running.
    pub async fn run(&self, planned: Planned, held: &mut Held) -> io::Result<Attempt<Ran>> {
        match planned {
            Planned::Later => {
                let options = std::iter::once("-auto-approve".into()).chain(self.wishes());
                self.call("apply", options.collect(), self.progress(), held).await
            }
            Planned::In { file, progress, aims } => {
                let attempt =
                    self.call("apply", vec![file.as_os_str().into()], *progress, held).await;
                // It holds the tokens.
                std::fs::remove_file(file)?;
                let Attempt { ended, left } = attempt?;
                Ok(Attempt { ended, left: Ran { aims, ..left } })
            }
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress::of(self.makes, self.done)
    }

    /// What a run that plans is told.
    pub(super) fn wishes(&self) -> impl Iterator<Item = OsString> {
        let variables = format!("-var-file={}", workspace::RUNTIME_VARIABLES);
        let replaced = self.replace.iter().map(|address| format!("-replace={address}"));
        // What VMs share goes with the last of them.
        let all = self.vms.is_empty().then(|| "-destroy".to_owned());
        std::iter::once(variables).chain(replaced).chain(all).map(OsString::from)
    }

    /// One run of Terraform.
    pub(super) async fn call(
        &self,
        command: &str,
        options: Vec<OsString>,
        mut progress: Progress,
        held: &mut Held,
    ) -> io::Result<Attempt<Ran>> {
        let output = self.folder.join("terraform.jsonl");
        let errors = self.folder.join("terraform.stderr");
        let mut child = self
            .workspace
            .command()
            .arg(command)
            .args(["-json", "-input=false", LOCK_TIMEOUT])
            .args(options)
            .envs(self.workspace.provider.variables())
            // What is made bears it as a tag, so that it is known where the state was never written.
            .env("TF_VAR_operation", self.lease.operation_id().to_string())
            .env("TF_VAR_enrolment_tokens", self.tokens())
            .env("TF_VAR_placements", serde_json::json!(self.placements).to_string())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()?;
        let process = child.id().and_then(|pid| Process::find(i32::try_from(pid).ok()?));
        if let Some(process) = process
            && let Err(error) = process.note(&self.workspace.pid_file())
        {
            // Without the note nobody could end it, were we killed.
            process.kill_session();
            child.wait().await?;
            return Err(error);
        }
        let Watched { status, stop, overdue } =
            self.watch(&mut child, process, &output, &mut progress, held).await?;
        let ended_by_itself = status.code().is_some() && stop.is_none() && !overdue;
        if let Some(process) = process
            && !ended_by_itself
        {
            // What it had started, and no longer waits for, would otherwise go on.
            process.kill_session();
        }
        if ended_by_itself && self.workspace.errored().is_none() {
            leftovers::forget(&self.workspace.pid_file());
        }
        if self.workspace.errored().is_some() {
            self.workspace.note_unsettled(self.lease.operation_id())?;
        }
        let ended = match (stop, status.success()) {
            (Some(Stop::LeaseLost), _) => Ended::LeaseLost,
            // It was done before it heard of the stop.
            (_, true) => Ended::Succeeded,
            (Some(stop), false) => Ended::stopped_by(stop),
            (None, false) if overdue => Ended::Failed {
                exit_code: None,
                reason: format!(
                    "Terraform did not end within {} min and was stopped. What was done so far was \
                     kept. See in its log what it waited for, then try again.",
                    self.longest().as_secs() / 60
                ),
            },
            (None, false) if progress.locked_out => {
                Ended::Passing { reason: reason(&progress, status, &errors) }
            }
            (None, false) if !progress.refused.is_empty() && status.code().is_some() => {
                Ended::Refused { reason: refused(&progress) }
            }
            (None, false) => Ended::Failed {
                exit_code: status.code(),
                reason: reason(&progress, status, &errors),
            },
        };
        Ok(Attempt { ended, left: Ran { progress, applied: true, ..Ran::default() } })
    }

    /// Follows Terraform to its end, and asks it to stop when it must.
    async fn watch(
        &self,
        child: &mut Child,
        process: Option<Process>,
        output: &Path,
        progress: &mut Progress,
        held: &mut Held,
    ) -> io::Result<Watched> {
        let mut follower = Follower::open(output)?;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let overdue_at = Instant::now() + self.longest();
        // The first wish is why it ends; a later one can hurry it.
        let (mut stop, mut heard): (Option<Stop>, Option<Stop>) = (None, None);
        let patience = self.workspace.provider.patience();
        let mut deadline: Option<Instant> = None;
        let status = loop {
            let grace = tokio::select! {
                status = child.wait() => break status?,
                wish = held.stopped(heard) => {
                    heard = Some(wish);
                    stop = stop.or(heard);
                    let is_hurried = wish == Stop::Shutdown;
                    Some(if is_hurried { patience.hurried_stop } else { patience.stop })
                }
                () = sleep_until(overdue_at), if deadline.is_none() => Some(patience.stop),
                _ = look.tick() => {
                    self.report(&mut follower, progress).await;
                    None
                }
            };
            if let (Some(process), Some(grace)) = (process, grace) {
                // Asked twice, it would not finish its current work.
                if deadline.is_none() {
                    process.interrupt();
                }
                let end = Instant::now() + grace;
                deadline = Some(deadline.map_or(end, |deadline| deadline.min(end)));
            }
            if let Some(process) = process
                && deadline.is_some_and(|deadline| Instant::now() > deadline)
            {
                process.kill_session();
            }
        };
        self.report(&mut follower, progress).await;
        let stop = held.stop().filter(|stop| *stop == Stop::LeaseLost).or(stop);
        Ok(Watched { status, stop, overdue: stop.is_none() && deadline.is_some() })
    }

    fn longest(&self) -> Duration {
        LONGEST + LONGEST_PER_VM * u32::try_from(self.vms.len()).unwrap_or(u32::MAX)
    }

    /// Passes on what Terraform has said since. With the database away, it is kept for later.
    async fn report(&self, follower: &mut Follower, progress: &mut Progress) {
        match follower.lines() {
            Ok(lines) => lines.iter().for_each(|line| progress.take(line)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Terraform's output could not be read"
                );
            }
        }
        match progress.tell(self.lease).await {
            // The worker finds out about a lost lease by itself.
            Ok(()) | Err(LeaseError::Lost) => {}
            Err(LeaseError::Db(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "progress could not be written"
                );
            }
        }
    }

    /// They are given by the environment, not by a file or an argument, so that nothing is left of
    /// them afterwards.
    fn tokens(&self) -> String {
        let tokens: BTreeMap<&Hostname, &str> =
            self.enrolment_tokens.iter().map(|(name, token)| (name, token.reveal())).collect();
        serde_json::json!(tokens).to_string()
    }
}

/// That some VMs were refused, with each reason once.
fn refused(progress: &Progress) -> String {
    let count = counted(u64::try_from(progress.refused.len()).unwrap_or(u64::MAX), "VM");
    let words: BTreeSet<&str> = progress.refused.values().map(|it| it.words).collect();
    let words: Vec<&str> = words.into_iter().collect();
    format!("{count} could not be made yet. {}", words.join(" "))
}

/// Terraform's first error, else what it said outside its messages.
fn reason(progress: &Progress, status: ExitStatus, errors: &Path) -> String {
    if let Some(error) = &progress.first_error {
        return error.clone();
    }
    if status.code().is_none() {
        return format!(
            "Terraform was killed in the middle ({status}). What was done so far was kept."
        );
    }
    let said = std::fs::read_to_string(errors).unwrap_or_default();
    let said = plain(&said);
    match said.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(last) => format!("Terraform ended with {status}: {last}"),
        None => format!("Terraform ended with {status} and gave no reason."),
    }
}
