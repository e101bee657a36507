//! One short run of a program for an operation, of Terraform or of `vm.sh`. None may hang: each
//! has a deadline, ends when it is not wanted any more, and tells what became of it.

use std::{
    future::Future,
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lablink_core::worker::Limit;
use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

use super::{
    notes::{self, Note},
    process::Process,
    reasons,
};
use crate::last_words::last_words;

/// More than the size of any state.
const LONGEST_OUTPUT: u64 = 256 * 1024 * 1024;
const LONGEST_SAID: usize = 64 * 1024;
/// How long what was killed may take to be gone, and the last words of what has ended to come.
const GONE: Duration = Duration::from_secs(1);

pub(super) struct Step {
    /// Its name in messages, as in `terraform state pull`.
    pub name: String,
    /// Starts the program by `setsid`, so that whatever it starts can be ended with it.
    pub command: Command,
    pub deadline: Duration,
    /// How long it may take to stop by itself, asked by SIGINT, before all of it is killed.
    pub grace: Duration,
    pub limit: Limit,
    /// Where it is noted while it runs. If we are killed, the next allocator ends it.
    pub notes: Option<PathBuf>,
}

/// Why a step did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("{step} could not be run")]
    Io {
        step: String,
        #[source]
        cause: io::Error,
    },
    #[error(
        "{step} did not end within {} s and was stopped. See what it waits for (the network, a \
         disk, the place of Terraform's state), then try again.",
        .after.as_secs()
    )]
    Late { step: String, after: Duration },
    #[error("{step} was stopped before its end.")]
    Stopped { step: String },
    #[error("{}", failure(.step, *.status, .said))]
    Failed {
        step: String,
        status: ExitStatus,
        /// The end of its standard error.
        said: String,
    },
}

impl StepError {
    /// Whether somebody else holds the state's lock: nothing was done, and it may pass.
    pub(super) fn is_lock(&self) -> bool {
        matches!(self, Self::Failed { said, .. } if reasons::is_lock(said))
    }
}

fn failure(step: &str, status: ExitStatus, said: &str) -> String {
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => format!("ended with {status}"),
    };
    match said.trim() {
        "" => format!(
            "{step} {end} and said nothing. Look at the allocator's machine (memory, disk), then \
             try again."
        ),
        // That is no fault of the step's.
        said if reasons::is_lock(said) => reasons::plain(said),
        said => format!("{step} {end}: {}", reasons::plain(said)),
    }
}

impl Step {
    /// Runs it to its end, and gives its output.
    pub async fn run(self) -> Result<Vec<u8>, StepError> {
        self.converse(|_closed, stdout| read(stdout)).await
    }

    /// Runs it to its end, while somebody talks with it.
    pub async fn converse<F, T>(
        mut self,
        talk: impl FnOnce(ChildStdin, ChildStdout) -> F,
    ) -> Result<T, StepError>
    where
        F: Future<Output = io::Result<T>>,
    {
        let name = self.name.clone();
        let failed = |cause| StepError::Io { step: name.clone(), cause };
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(failed)?;
        let mut running = Running::of(&child, self.notes.as_deref(), &self.name).map_err(failed)?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(failed(io::Error::other("it has no pipes")));
        };
        let talked = talk(stdin, stdout);
        let (step, after) = (self.name, self.deadline);
        let end = end(child, talked, stderr, running.process);
        tokio::pin!(end);
        let early = tokio::select! {
            ended = &mut end => return ended.into_result(&step),
            () = sleep(after) => StepError::Late { step: step.clone(), after },
            () = self.limit.reached() => StepError::Stopped { step: step.clone() },
        };
        running.interrupt();
        match timeout(self.grace, &mut end).await {
            // It was done before it heard of the stop.
            Ok(Ended { status: Ok(status), talked: Ok(talked), .. }) if status.success() => {
                return Ok(talked);
            }
            Ok(_) => {}
            Err(_elapsed) => {
                running.kill();
                // A program that has left the session could keep the pipes open.
                let _gone = timeout(GONE, &mut end).await;
            }
        }
        Err(early)
    }
}

/// How a program ended, with what it said.
struct Ended<T> {
    status: io::Result<ExitStatus>,
    talked: io::Result<T>,
    said: Vec<u8>,
}

async fn end<T>(
    mut child: Child,
    talked: impl Future<Output = io::Result<T>>,
    stderr: ChildStderr,
    process: Option<Process>,
) -> Ended<T> {
    let words = async { tokio::join!(talked, last_words(stderr, LONGEST_SAID)) };
    tokio::pin!(words);
    let (status, (talked, said)) = tokio::select! {
        words = &mut words => (child.wait().await, words),
        status = child.wait() => {
            let last = timeout(GONE, &mut words).await;
            let words = match last {
                Ok(words) => words,
                Err(_elapsed) => {
                    // Programs that it left behind keep the pipes open.
                    if let Some(process) = process {
                        process.kill_session();
                    }
                    words.await
                }
            };
            (status, words)
        }
    };
    Ended { status, talked, said }
}

impl<T> Ended<T> {
    fn into_result(self, step: &str) -> Result<T, StepError> {
        let failed = |cause| StepError::Io { step: step.to_owned(), cause };
        let status = self.status.map_err(failed)?;
        if status.success() {
            return self.talked.map_err(failed);
        }
        let said = String::from_utf8_lossy(&self.said).into_owned();
        Err(StepError::Failed { step: step.to_owned(), status, said })
    }
}

async fn read(stdout: ChildStdout) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let count = stdout.take(LONGEST_OUTPUT + 1).read_to_end(&mut output).await?;
    if count as u64 > LONGEST_OUTPUT {
        return Err(io::Error::other("it gave more than can be read"));
    }
    Ok(output)
}

/// A step at work. Dropped in the middle, all of it is killed.
struct Running {
    /// None: the system does not say which.
    process: Option<Process>,
    note: Option<Note>,
    takes_lock: bool,
}

impl Running {
    fn of(child: &Child, notes: Option<&Path>, name: &str) -> io::Result<Self> {
        let process = child.id().and_then(|pid| Process::of_child(i32::try_from(pid).ok()?));
        let mut running = Self { process, note: None, takes_lock: notes::takes_lock(name) };
        if let (Some(process), Some(notes)) = (process, notes) {
            running.note = Some(Note::write(notes, process, name)?);
        }
        Ok(running)
    }

    fn interrupt(&self) {
        if let Some(process) = self.process {
            process.interrupt();
        }
    }

    fn kill(&mut self) {
        let Some(process) = self.process else { return };
        if process.lives()
            && self.takes_lock
            && let Some(note) = self.note.take()
        {
            note.leave();
        }
        process.kill_session();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests;
