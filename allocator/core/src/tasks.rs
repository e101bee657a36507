//! Periodic tasks of an allocator. One driver runs them all, and reports on them.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{task::JoinSet, time::Instant};

use crate::{DbError, chain};

/// How the tasks of this process are doing, for pages and metrics.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Vec<Task>>>);

/// A task, with its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// In a word or two: `log lines`.
    pub name: &'static str,
    /// What it does, as a sentence.
    pub does: &'static str,
    /// The pause between its runs.
    pub every: Duration,
    /// Since when it has been running, if it runs now.
    pub running_since: Option<Timestamp>,
    pub last: Option<Run>,
    /// Runs since this process began, and those of them that failed.
    pub runs: u64,
    pub failures: u64,
}

/// One run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub began_at: Timestamp,
    pub took: Duration,
    /// How many things it did, or why it failed.
    pub outcome: Result<u64, String>,
}

impl Board {
    /// All tasks, in the order in which they were begun.
    pub fn tasks(&self) -> Vec<Task> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut Task)) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = tasks.get_mut(place) {
            change(task);
        }
    }
}

/// Runs tasks until it is dropped.
#[derive(Default)]
pub struct Driver {
    board: Board,
    running: JoinSet<()>,
}

impl Driver {
    /// Begins a task: it runs now, and again after each pause. A run returns how many things it
    /// did. A run that fails or panics is reported, and tried again after the pause.
    pub fn begin<F>(
        &mut self,
        name: &'static str,
        does: &'static str,
        every: Duration,
        run: impl Fn() -> F + Send + 'static,
    ) where
        F: Future<Output = Result<u64, DbError>> + Send + 'static,
    {
        let board = self.board.clone();
        let place = board.tasks().len();
        let task =
            Task { name, does, every, running_since: None, last: None, runs: 0, failures: 0 };
        board.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        self.running.spawn(async move {
            loop {
                let (began_at, began) = (Timestamp::now(), Instant::now());
                board.change(place, |task| task.running_since = Some(began_at));
                let mut turn = JoinSet::new();
                turn.spawn(run());
                let outcome = match turn.join_next().await {
                    Some(Ok(done)) => done.map_err(|error| chain(&error)),
                    Some(Err(fault)) => Err(format!("It broke down: {fault}")),
                    None => return,
                };
                match &outcome {
                    Ok(0) => {}
                    Ok(done) => tracing::info!(task = name, done, "a periodic task did something"),
                    Err(reason) => {
                        tracing::warn!(task = name, reason, "a periodic task failed; trying again");
                    }
                }
                board.change(place, |task| {
                    task.running_since = None;
                    task.runs += 1;
                    task.failures += u64::from(outcome.is_err());
                    task.last = Some(Run { began_at, took: began.elapsed(), outcome });
                });
                tokio::time::sleep(every).await;
            }
        });
    }

    pub fn board(&self) -> Board {
        self.board.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_or_breaks_down_says_so_and_goes_on() {
        let mut driver = Driver::default();
        let board = driver.board();
        let turn = Arc::new(AtomicU64::new(0));
        driver.begin("counting", "Counts.", Duration::from_secs(10), move || {
            let turn = Arc::clone(&turn);
            async move {
                match turn.fetch_add(1, Ordering::Relaxed) {
                    0 => Ok(7),
                    1 => Err(DbError::Silent(Duration::from_secs(3))),
                    2 => panic!("as a fault would"),
                    _ => Ok(0),
                }
            }
        });
        let after = async |runs: u64| loop {
            match board.tasks().pop() {
                Some(task) if task.runs == runs => return task,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let last = |task: Task| task.last.unwrap().outcome;
        assert_eq!(last(after(1).await), Ok(7));
        assert!(last(after(2).await).unwrap_err().contains("has said nothing for 3 s"));
        assert!(last(after(3).await).unwrap_err().contains("broke down"));
        let task = after(4).await;
        assert_eq!((task.failures, task.running_since), (2, None));
        assert_eq!(last(task), Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_holds_up_no_other_and_shows() {
        let mut driver = Driver::default();
        let board = driver.board();
        driver.begin("hanging", "Hangs.", Duration::from_secs(1), std::future::pending);
        driver.begin("going", "Goes.", Duration::from_secs(1), || async { Ok(0) });
        while board.tasks()[1].runs < 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let hanging = &board.tasks()[0];
        assert!(hanging.running_since.is_some() && hanging.last.is_none());
    }
}
