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
use lablink_protocol::Cleaning;
use tracing::info;

pub use self::{failure::Failure, kept::Kept, marker::Unfit, note::CleanNote};
use crate::desktop::Account;

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
    pub fn clean(&self, claim_id: i64) -> Result<(), Failure> {
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

    /// What earlier participants left, once it is old enough to go.
    pub fn due(&self) -> Vec<Kept> {
        let age = Duration::from_secs(u64::from(self.settings.keep_days) * 24 * 3600);
        self.fit().map(|account| Kept::older_than(age, &account)).unwrap_or_default()
    }
}
