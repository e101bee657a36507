//! A Terraform whose allocator was killed runs on. Its pid is noted so that the next worker on
//! this machine can end it: that of an `apply` in a file of its own, since only the holder of the
//! lease may touch it, that of a step among the [notes](super::notes).

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{notes::Orphan, process::Process};

/// How long a killed process may take to be gone. One that hangs in the kernel stays.
const GONE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
#[error(
    "process {0}, which an earlier allocator left running, can't be ended: end it by hand, or \
     restart the machine, then try again"
)]
pub(super) struct StillRuns(i32);

/// Ends what earlier allocators left running, and what is left of it if it was killed: the
/// Terraform of the pid file, which gets this `grace` to stop by itself, and the steps that are
/// noted. Says since when a lock of the state may be theirs.
pub(super) async fn end(
    pid_file: &Path,
    notes: &Path,
    grace: Duration,
) -> Result<Option<SystemTime>, StillRuns> {
    let orphans = Orphan::all(notes);
    let steps = orphans.iter().map(|orphan| {
        if orphan.process.lives() {
            tracing::warn!(step = orphan.name, "ending what an earlier allocator left running");
        }
        kill_all(orphan.process)
    });
    tokio::try_join!(end_apply(pid_file, grace), try_join_all(steps))?;
    Ok(since(pid_file, notes))
}

/// Since when a lock of the state may be one that was left here.
pub(super) fn since(pid_file: &Path, notes: &Path) -> Option<SystemTime> {
    let orphans = Orphan::all(notes);
    let locks = orphans.iter().filter_map(Orphan::since);
    noted_at(pid_file).into_iter().chain(locks).min()
}

async fn end_apply(pid_file: &Path, grace: Duration) -> Result<(), StillRuns> {
    let Some(process) = Process::noted(pid_file) else { return Ok(()) };
    if process.lives() {
        tracing::warn!(
            pid = process.pid,
            "ending the Terraform that an earlier allocator left running"
        );
        process.interrupt();
    }
    let deadline = Instant::now() + grace;
    while process.lives() && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    kill_all(process).await
}

async fn kill_all(process: Process) -> Result<(), StillRuns> {
    let deadline = Instant::now() + GONE;
    while let Some(pid) = process.session().first() {
        if Instant::now() > deadline {
            return Err(StillRuns(*pid));
        }
        process.kill_session();
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// When the last Terraform began, if it did not come to its own end.
fn noted_at(pid_file: &Path) -> Option<SystemTime> {
    fs::metadata(pid_file).and_then(|note| note.modified()).ok()
}

/// The last Terraform is over, and nothing is left to be cleared up.
pub(super) fn forget(pid_file: &Path) {
    let _gone_already = fs::remove_file(pid_file);
}

/// Nothing is left of steps that are nobody's any more.
pub(super) fn forget_steps(notes: &Path) {
    Orphan::all(notes).into_iter().for_each(Orphan::forget);
}

#[cfg(test)]
mod tests {
    use super::{super::process::Stat, *};

    const GRACE: Duration = Duration::from_secs(3);

    fn spawn(script: &str) -> (std::process::Child, Process) {
        let child =
            std::process::Command::new("setsid").args(["sh", "-c", script]).spawn().unwrap();
        let process = Process::find(i32::try_from(child.id()).unwrap()).unwrap();
        // `setsid` needs a moment to make the session.
        while Stat::of(process.pid).unwrap().session != process.pid {
            std::thread::sleep(Duration::from_millis(5));
        }
        (child, process)
    }

    #[tokio::test]
    async fn ends_what_was_noted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("exec sleep 600");
        process.note(file.path()).unwrap();
        end(file.path(), Path::new("/nowhere"), GRACE).await.unwrap();
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn ends_what_a_killed_one_had_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("sleep 600 & sleep 600");
        process.note(file.path()).unwrap();
        while process.session().len() < 3 {
            sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.session().len(), 2, "they live on");
        end(file.path(), Path::new("/nowhere"), GRACE).await.unwrap();
        assert!(process.session().is_empty());
    }

    #[tokio::test]
    async fn spares_a_later_process_of_the_same_number() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("exec sleep 600");
        Process { started: process.started + 1, ..process }.note(file.path()).unwrap();
        end(file.path(), Path::new("/nowhere"), GRACE).await.unwrap();
        assert!(process.lives());
        process.kill_session();
        child.wait().unwrap();
    }

    /// Notes that a step runs, as an allocator would that is gone or lives.
    fn note(folder: &Path, step: Process, owner: Process) {
        let text = format!("{step}\n{owner}\nterraform init\n");
        fs::write(folder.join(step.to_string()), text).unwrap();
    }

    #[tokio::test]
    async fn ends_the_steps_of_the_dead_and_spares_those_of_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let (pid_file, notes) = (folder.path().join("pid"), folder.path().join("steps"));
        fs::create_dir(&notes).unwrap();
        let we = Process::find(i32::try_from(std::process::id()).unwrap()).unwrap();
        let (mut orphan, orphaned) = spawn("trap '' INT TERM; sleep 600 & wait");
        let (mut other, others) = spawn("exec sleep 600");
        note(&notes, orphaned, Process { started: we.started + 1, ..we });
        note(&notes, others, we);
        // An `init` takes no lock: nothing may be freed for its sake.
        assert_eq!(end(&pid_file, &notes, GRACE).await.unwrap(), None);
        assert!(!orphan.wait().unwrap().success());
        assert!(orphaned.session().is_empty() && others.lives());
        forget_steps(&notes);
        assert_eq!(fs::read_dir(&notes).unwrap().count(), 1);
        others.kill_session();
        other.wait().unwrap();
    }

    #[tokio::test]
    async fn an_orphan_that_heeds_nothing_is_gone_within_its_share_of_the_thirty_seconds() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("trap '' INT TERM; while :; do sleep 600; done");
        process.note(file.path()).unwrap();
        let before = Instant::now();
        end(file.path(), Path::new("/nowhere"), GRACE).await.unwrap();
        assert!(before.elapsed() < Duration::from_millis(4500), "{:?}", before.elapsed());
        child.wait().unwrap();
        assert!(process.session().is_empty());
    }
}
