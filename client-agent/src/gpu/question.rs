use std::time::Duration;

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

/// How long the driver may take for one answer: most take microseconds, a GPU that wakes up some
/// hundred milliseconds.
const DEADLINE: Duration = Duration::from_secs(3);

/// One question to the driver. A sick driver may never answer; then the question stays open, on a
/// thread of its own, and is not asked again before that thread comes back.
pub struct Question<T> {
    open: Option<JoinHandle<T>>,
    deadline: Duration,
}

/// What became of a question; `None` while there is no answer.
pub type Answer<T> = Option<T>;

impl<T: Send + 'static> Question<T> {
    pub fn new() -> Self {
        Self { open: None, deadline: DEADLINE }
    }

    pub async fn ask(&mut self, question: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
        if self.open.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return None;
        }
        // What came back late was an answer about the past.
        let thread = self.open.insert(spawn_blocking(question));
        let answer = timeout(self.deadline, thread).await.ok()?;
        self.open = None;
        // A panic in the driver's wrapper is no answer either.
        answer.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn a_question_without_answer_is_asked_once_until_its_thread_comes_back() {
        let (release, wait) = mpsc::channel::<()>();
        let asked = Arc::new(AtomicU32::new(0));
        let count = |asked: &Arc<AtomicU32>| {
            let asked = Arc::clone(asked);
            move || asked.fetch_add(1, Ordering::SeqCst)
        };
        let mut question = Question { open: None, deadline: Duration::from_millis(50) };
        let hang = count(&asked);
        let hung = question.ask(move || {
            let number = hang();
            let _released = wait.recv();
            number
        });
        assert_eq!(hung.await, None);
        assert_eq!(question.ask(count(&asked)).await, None);
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        release.send(()).unwrap();
        let answer = loop {
            if let Some(number) = question.ask(count(&asked)).await {
                break number;
            }
        };
        assert_eq!(answer, 1, "the late answer is forgotten, and the question asked anew");
    }
}
