//! Cleaning the machine after a participant, where the installer itself made the desktop's account:
//! all its processes end, its home and its temporary files are put aside where only root reads
//! them, and it gets a fresh home. Every step may be done again, so that a run that was killed is
//! simply begun anew; nobody can claim the machine before the allocator has heard that all is done.
//!
//! This is root's work on what a stranger has left: links are not followed, no shell and no `PATH`
//! is asked, and names are names.

mod aside;
mod failure;
mod folder;
mod fresh;
mod kept;
mod marker;
mod mounts;
mod note;
mod processes;
mod services;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use lablink_protocol::{CleanOutcome, CleanResult, Cleaning};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::kept::Kept;
pub use self::{failure::Failure, marker::Unfit, note::CleanNote};
use crate::{allocator::retry, claims::Vm, desktop::Account};

/// How often the agent looks for what need not be kept any more.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

#[derive(Clone, Args)]
pub struct CleanSettings {
    /// File in which the installer noted the account that it has made: only that one is cleaned
    #[arg(
        long,
        env = "LABLINK_DESKTOP_MARKER",
        value_name = "FILE",
        default_value = "/etc/lablink-desktop-user"
    )]
    pub desktop_marker: PathBuf,

    /// Days after which files of earlier participants are deleted, if their results were collected
    #[arg(long, env = "LABLINK_KEEP_DAYS", value_name = "DAYS", default_value_t = 7)]
    pub keep_days: u32,
}

/// Cleans one account, if it may.
#[derive(Clone)]
pub struct Cleaner {
    /// None: the desktop is that of the agent's own account.
    account: Option<Account>,
    settings: CleanSettings,
    cleaning: Cleaning,
}

impl Cleaner {
    pub fn new(account: Option<Account>, settings: CleanSettings) -> Self {
        let mut cleaner = Self { account, settings, cleaning: Cleaning::Possible };
        if let Err(why) = cleaner.fit() {
            info!("this machine is not cleaned between participants: {why}");
            cleaner.cleaning = Cleaning::Impossible(why.to_string());
        }
        cleaner
    }

    /// Whether the account could be cleaned when the agent started.
    pub fn cleaning(&self) -> &Cleaning {
        &self.cleaning
    }

    fn fit(&self) -> Result<Account, Unfit> {
        let account = self.account.as_ref().ok_or(Unfit::NotMade)?;
        marker::fit(account, &self.settings.desktop_marker)
    }

    /// Blocks, for seconds.
    fn clean(&self, claim_id: i64) -> Result<(), Failure> {
        let account = self.fit()?;
        services::stop(&account);
        services::forget_jobs(&account)?;
        processes::end_all(&account)?;
        mounts::settle(&account)?;
        aside::home(&account, claim_id)?;
        aside::temporary(&account, claim_id)?;
        services::forget_memory(&account)?;
        // What was started between looking and putting aside, by a job or a login.
        processes::end_all(&account)?;
        fresh::home(&account)
    }

    /// Ends whatever the account runs, and what would start it again, where all of it is a
    /// participant's; somebody's own account is left alone. Blocks, for seconds.
    pub fn end_programs(&self) -> Result<(), Failure> {
        let Ok(account) = self.fit() else { return Ok(()) };
        services::stop(&account);
        services::forget_jobs(&account)?;
        processes::end_all(&account)
    }

    fn due(&self) -> Vec<Kept> {
        let age = Duration::from_secs(u64::from(self.settings.keep_days) * 24 * 3600);
        self.fit().map(|account| Kept::older_than(age, &account)).unwrap_or_default()
    }
}

/// Cleans the machine after a claim, unless that was done before, and reports how it went. Once
/// begun it goes to its end: whoever comes next waits for that. `stop` ends the reporting.
pub async fn run(vm: &Vm, claim_id: i64, stop: &CancellationToken) {
    let before = CleanNote::load(&vm.state).ok().flatten();
    let is_clean = |note: &CleanNote| {
        let result = note.result.as_ref().filter(|_| note.claim_id == claim_id);
        result.is_some_and(|result| result.outcome == CleanOutcome::Cleaned)
    };
    let note = match before.filter(is_clean) {
        Some(note) => note,
        None => {
            info!(claim.id = claim_id, "cleaning the machine");
            let (outcome, detail) = match clean(vm, claim_id).await {
                Ok(()) => (CleanOutcome::Cleaned, None),
                Err(reason) => (CleanOutcome::Failed, Some(reason)),
            };
            let hostname = vm.api.hostname().clone();
            let result = Some(CleanResult { hostname, claim_id, outcome, detail });
            CleanNote { claim_id, result, reported: false }
        }
    };
    save(vm, &note);
    report(vm, note, stop).await;
}

async fn clean(vm: &Vm, claim_id: i64) -> Result<(), String> {
    // Without that, a restart would take an account in pieces for a clean one.
    let begun = CleanNote { claim_id, result: None, reported: false };
    begun.save(&vm.state).map_err(|problem| format!("{problem:#}"))?;
    let cleaner = vm.cleaner.clone();
    let cleaned = tokio::task::spawn_blocking(move || cleaner.clean(claim_id)).await;
    match cleaned {
        Ok(Ok(())) => {
            info!(claim.id = claim_id, "the machine is clean");
            Ok(())
        }
        Ok(Err(failure)) => {
            warn!(claim.id = claim_id, "the machine could not be cleaned: {failure}");
            Err(failure.to_string())
        }
        Err(panic) => {
            error!("the cleaning broke off: {panic}");
            Err("its agent failed in the middle: look at its log".to_owned())
        }
    }
}

/// Tells how a cleaning went, until the allocator has heard, or `stop`.
pub async fn report(vm: &Vm, mut note: CleanNote, stop: &CancellationToken) {
    let Some(result) = &note.result else { return };
    let told = retry::until_answered("reporting how the cleaning went", || {
        vm.api.report_clean_result(result)
    });
    tokio::select! {
        told = told => {
            if let Err(refusal) = told {
                debug!("the allocator has no use for how the cleaning went: {}", refusal.chain());
            }
            note.reported = true;
            save(vm, &note);
        }
        () = stop.cancelled() => {}
    }
}

/// A full disk must not keep the machine from its next participant: it is logged.
fn save(vm: &Vm, note: &CleanNote) {
    if let Err(problem) = note.save(&vm.state) {
        error!("a restart may clean the machine again: {problem:#}");
    }
}

/// Deletes what earlier participants left, once it is old enough and collected; for ever.
pub async fn tidy(vm: &Vm) {
    loop {
        let cleaner = vm.cleaner.clone();
        let due = tokio::task::spawn_blocking(move || cleaner.due()).await.unwrap_or_default();
        if let Some(newest) = due.iter().map(|kept| kept.claim_id).max() {
            match vm.api.collected(newest).await {
                Ok(Some(collected)) => {
                    let delete = move || {
                        due.into_iter().filter(|it| it.may_go(&collected)).for_each(Kept::delete);
                    };
                    if let Err(panic) = tokio::task::spawn_blocking(delete).await {
                        error!("deleting what was collected broke off: {panic}");
                    }
                }
                Ok(None) => debug!("what earlier participants left was not collected yet"),
                Err(problem) => debug!("can't ask what was collected: {}", problem.chain()),
            }
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}
