//! Clears up after a Terraform that did not come to its own end: what still runs, its lock of the
//! state, and a state that it could not save.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use lablink_core::{operations::OperationId, plain};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    Backend, StepError, Workspace,
    leftovers::{self, StillRuns},
};

/// What Terraform calls the state that its backend did not take.
const ERRORED: &str = "errored.tfstate";
/// What it is called once it has been saved; kept until the next one.
const SAVED: &str = "errored.tfstate.saved";
/// Holds the id of the operation whose state was refused, until its rows have been put right.
const UNSETTLED: &str = "errored.operation";
/// No lock has this ID: asking to free it tells the one there is.
const NO_LOCK: &str = "00000000-0000-0000-0000-000000000000";
const PATIENCE: Duration = Duration::from_secs(20);
/// The clock that wrote the note and the lock's are one machine's, but not read at once.
const SLACK: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(super) enum RecoverError {
    #[error("Terraform's folder can't be read or written")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    StillRuns(#[from] StillRuns),
    #[error(
        "An earlier operation's state could not be saved, and still can't be: {said} It is kept in \
         {path}, and saved before anything else is done as soon as its backend takes it."
    )]
    Unsaved { path: PathBuf, said: StepError },
}

impl Workspace {
    /// The state that a backend refused, if there is one.
    pub(super) fn errored(&self) -> Option<PathBuf> {
        Some(self.directory.join(ERRORED)).filter(|path| path.exists())
    }

    /// Notes whose state was refused: the rows of its VMs may be wrong.
    pub(super) fn note_unsettled(&self, id: OperationId) -> io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        std::fs::write(self.directory.join(UNSETTLED), id.to_string())
    }

    pub(super) fn unsettled(&self) -> Option<OperationId> {
        std::fs::read_to_string(self.directory.join(UNSETTLED)).ok()?.parse().ok()
    }

    pub(super) fn forget_unsettled(&self) {
        let _gone_already = std::fs::remove_file(self.directory.join(UNSETTLED));
    }

    /// Ends what runs, frees the lock if its holder was ours, and saves the state that was
    /// refused. Changes nothing when the last Terraform ended well. The caller must hold the
    /// lease.
    pub(super) async fn recover(&self) -> Result<(), RecoverError> {
        let since = leftovers::end(&self.pid_file(), &self.notes(), self.orphan_grace()).await?;
        self.save(since).await?;
        leftovers::forget(&self.pid_file());
        leftovers::forget_steps(&self.notes());
        Ok(())
    }

    /// Ends what runs, and nothing else. The caller must hold the lease.
    pub(super) async fn end_orphans(&self) -> Result<(), StillRuns> {
        leftovers::end(&self.pid_file(), &self.notes(), self.orphan_grace()).await.map(drop)
    }

    fn orphan_grace(&self) -> Duration {
        self.provider.patience().orphan
    }

    /// Saves the state that was refused, if there is one, and frees the lock that a step has left which
    /// was killed. For an idle worker.
    pub(super) async fn save_errored(&self) -> Result<(), RecoverError> {
        self.save(leftovers::since(&self.pid_file(), &self.notes())).await?;
        leftovers::forget_steps(&self.notes());
        Ok(())
    }

    async fn save(&self, since: Option<SystemTime>) -> Result<(), RecoverError> {
        let Some(path) = self.errored() else { return self.free_lock(since).await };
        let saved = async {
            self.free_lock(since).await?;
            self.push(&path).await
        };
        match saved.await {
            Ok(()) => {
                tracing::info!("the state that could not be saved is saved now");
                Ok(std::fs::rename(&path, self.directory.join(SAVED))?)
            }
            Err(RecoverError::Step(said)) => Err(RecoverError::Unsaved { path, said }),
            Err(error) => Err(error),
        }
    }

    /// Hands the kept state to its backend. Terraform takes no other state of the same serial
    /// number; ours follows the one that it saved in the middle of the same run.
    async fn push(&self, kept: &Path) -> Result<(), RecoverError> {
        if let Backend::File(state) = &self.backend {
            set_aside_if_cut_off(state)?;
        }
        let kept_version = Version::of(&std::fs::read(kept)?);
        let there = match self.briefly(&["state", "pull"]).await {
            Ok(pulled) => Version::of(&pulled),
            Err(StepError::Failed { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if there.is_some() && there == kept_version {
            self.briefly(&["state", "push", "-no-color", "-force", ERRORED]).await?;
        } else {
            self.briefly(&["state", "push", "-no-color", ERRORED]).await?;
        }
        Ok(())
    }

    /// Frees the state's lock if it was taken on this machine since our Terraform began, which is
    /// gone by now. A file's lock has gone with it.
    async fn free_lock(&self, since: Option<SystemTime>) -> Result<(), RecoverError> {
        let (Backend::S3 { .. }, Some(since)) = (&self.backend, since) else { return Ok(()) };
        let lock = match self.briefly(&["force-unlock", "-force", NO_LOCK]).await {
            Ok(_) => None,
            Err(StepError::Failed { said, .. }) => Lock::told(&plain(&said)),
            Err(error) => return Err(error.into()),
        };
        let Some(lock) = lock else { return Ok(()) };
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
        if !lock.is_of(host.trim(), since) {
            tracing::warn!(lock = lock.id, who = lock.who, "the state is locked by somebody else");
            return Ok(());
        }
        tracing::warn!(lock = lock.id, "freeing the lock that a killed Terraform left");
        match self.briefly(&["force-unlock", "-force", &lock.id]).await {
            // The lock may be gone by now. If it is not, the next Terraform says so.
            Ok(_) | Err(StepError::Failed { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Terraform tries a backend that does not answer for minutes. Others wait for this step, so it
    /// is ended earlier.
    pub(super) async fn briefly(&self, arguments: &[&str]) -> Result<Vec<u8>, StepError> {
        self.step(PATIENCE, arguments).run().await
    }
}

/// The identity of a state: its history, and its place in it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Version {
    lineage: String,
    serial: u64,
}

impl Version {
    fn of(state: &[u8]) -> Option<Self> {
        serde_json::from_slice(state).ok()
    }
}

/// A full disk cuts a state off in the middle of its file, which is then none: it must not stand
/// in the way of the whole one.
fn set_aside_if_cut_off(state: &Path) -> io::Result<()> {
    match std::fs::read(state) {
        Ok(found) if serde_json::from_slice::<IgnoredAny>(&found).is_err() => {
            tracing::warn!(path = %state.display(), "the state's file is cut off: setting it aside");
            std::fs::rename(state, state.with_extension("tfstate.cut-off"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The holder of a lock, as Terraform tells it.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    id: String,
    who: String,
    created: Timestamp,
}

impl Lock {
    fn told(said: &str) -> Option<Self> {
        let field = |name: &str| {
            said.lines().find_map(|line| {
                let line = line.trim_start_matches(['│', ' ']);
                line.strip_prefix(name)?.strip_prefix(':').map(str::trim)
            })
        };
        // As Go prints a time: 2026-11-21 11:55:02.061451284 +0000 UTC
        let created = field("Created")?.strip_suffix(" +0000 UTC")?.replacen(' ', "T", 1) + "Z";
        Some(Self {
            id: field("ID")?.to_owned(),
            who: field("Who")?.to_owned(),
            created: created.parse().ok()?,
        })
    }

    fn is_of(&self, host: &str, since: SystemTime) -> bool {
        let here = self.who.rsplit_once('@').is_some_and(|(_, at)| at == host);
        here && SystemTime::from(self.created) + SLACK >= since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str =
        "Failed to unlock state: lock ID '0' does not match the existing lock ID '85'
Lock Info:
  ID:        85-a
  Path:      state-bucket/test/terraform.tfstate
  Operation: OperationTypeApply
  Who:       root@vm
  Version:   1.11.4
  Created:   2026-11-21 11:55:02.061451284 +0000 UTC
  Info:      
";

    #[test]
    fn a_lock_is_ours_if_it_was_taken_here_and_not_before() {
        let lock = Lock::told(SAID).unwrap();
        assert_eq!((lock.id.as_str(), lock.who.as_str()), ("85-a", "root@vm"));
        let at = |text: &str| SystemTime::from(text.parse::<Timestamp>().unwrap());
        assert!(lock.is_of("vm", at("2026-11-21T11:55:00Z")));
        assert!(!lock.is_of("vm", at("2026-11-21T11:56:00Z")), "taken before");
        assert!(!lock.is_of("other", at("2026-11-21T11:55:00Z")));
    }

    #[test]
    fn only_a_state_that_is_cut_off_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("dev.tfstate");
        set_aside_if_cut_off(&state).unwrap();
        let whole = r#"{"version": 4, "lineage": "a-b", "serial": 7, "resources": []}"#;
        std::fs::write(&state, whole).unwrap();
        set_aside_if_cut_off(&state).unwrap();
        assert!(state.exists());
        let version = Version::of(whole.as_bytes()).unwrap();
        assert_eq!((version.lineage.as_str(), version.serial), ("a-b", 7));
        std::fs::write(&state, &whole[..40]).unwrap();
        set_aside_if_cut_off(&state).unwrap();
        assert!(!state.exists() && folder.path().join("dev.tfstate.cut-off").exists());
    }

    #[test]
    fn no_lock_tells_nothing() {
        assert_eq!(Lock::told("Local state cannot be unlocked by another process"), None);
    }
}
