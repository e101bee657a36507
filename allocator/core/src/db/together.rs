//! What many ask at the same moment is asked of the database together.

use std::{
    future::Future,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{DbError, limits};

/// What one statement can answer for many.
pub(crate) trait Question: Clone + Send + Sync + 'static {
    type Answer: Send + 'static;

    /// How many statements run at the same time.
    const AT_WORK: usize;
    /// The most questions of one statement.
    const TOGETHER: usize;

    /// Whether one statement can answer both.
    fn goes_with(&self, other: &Self) -> bool;

    /// The answers, in the order of the questions.
    fn ask(questions: &[Self]) -> impl Future<Output = Result<Vec<Self::Answer>, DbError>> + Send;
}

/// Questions on their way to the database. Who comes while others are being answered waits for the
/// next statement, which takes all that have come by then; nobody else waits. Clones are the same one.
pub(crate) struct Together<Q: Question>(Arc<Mutex<Queue<Q>>>);

struct Queue<Q: Question> {
    waiting: Vec<Waiting<Q>>,
    /// How many have waited, ever.
    tickets: u64,
    at_work: usize,
}

struct Waiting<Q: Question> {
    ticket: u64,
    question: Q,
    answer: oneshot::Sender<Q::Answer>,
}

impl<Q: Question> Together<Q> {
    /// None: it was asked together with others, and that failed.
    pub async fn ask(&self, question: &Q) -> Result<Option<Q::Answer>, DbError> {
        match self.enter(question) {
            Entry::First(_turn) => Ok(Q::ask(slice::from_ref(question)).await?.pop()),
            Entry::Waits { ticket, answer } => Ok(self.answer(ticket, answer).await),
        }
    }

    /// Who is not answered soon asks alone, and gets the error that there is.
    async fn answer(
        &self,
        ticket: u64,
        mut answer: oneshot::Receiver<Q::Answer>,
    ) -> Option<Q::Answer> {
        if let Ok(answered) = tokio::time::timeout(limits::POOL, &mut answer).await {
            return answered.ok();
        }
        // Not there: it is being asked.
        let _taken_out = self.queue().waiting.extract_if(.., |it| it.ticket == ticket).next();
        answer.await.ok()
    }

    fn enter(&self, question: &Q) -> Entry<Q> {
        let mut queue = self.queue();
        if queue.at_work < Q::AT_WORK {
            queue.at_work += 1;
            return Entry::First(Turn(self.clone()));
        }
        let (sender, answer) = oneshot::channel();
        queue.tickets += 1;
        let ticket = queue.tickets;
        queue.waiting.push(Waiting { ticket, question: question.clone(), answer: sender });
        Entry::Waits { ticket, answer }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Q>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Question> Clone for Together<Q> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q: Question> Default for Together<Q> {
    fn default() -> Self {
        let queue = Queue { waiting: Vec::new(), tickets: 0, at_work: 0 };
        Self(Arc::new(Mutex::new(queue)))
    }
}

enum Entry<Q: Question> {
    /// It need not wait.
    First(Turn<Q>),
    Waits {
        ticket: u64,
        answer: oneshot::Receiver<Q::Answer>,
    },
}

impl<Q: Question> Queue<Q> {
    /// Those who wait longest and can be answered together.
    fn next(&mut self) -> Vec<Waiting<Q>> {
        // Some have gone away.
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let Some(first) = self.waiting.first().map(|first| first.question.clone()) else {
            return Vec::new();
        };
        let mut room = Q::TOGETHER;
        let is_next = |waiting: &mut Waiting<Q>| {
            let takes = room > 0 && waiting.question.goes_with(&first);
            room -= usize::from(takes);
            takes
        };
        self.waiting.extract_if(.., is_next).collect()
    }
}

/// The right to run one of the statements. Who is done, or gives up, passes it on to those who wait.
struct Turn<Q: Question>(Together<Q>);

impl<Q: Question> Drop for Turn<Q> {
    fn drop(&mut self) {
        let next = {
            let mut queue = self.0.queue();
            let next = queue.next();
            if next.is_empty() {
                queue.at_work -= 1;
                return;
            }
            next
        };
        // Not while the queue is locked: a runtime that ends drops the task, and its turn, at once.
        let turn = Turn(self.0.clone());
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                serve(next).await;
                drop(turn);
            });
        }
    }
}

/// A failure is told by silence: each of them then asks alone, and gets the error that it meets.
async fn serve<Q: Question>(waiting: Vec<Waiting<Q>>) {
    let (questions, senders): (Vec<Q>, Vec<_>) =
        waiting.into_iter().map(|waiting| (waiting.question, waiting.answer)).unzip();
    match Q::ask(&questions).await {
        Ok(answers) => {
            for (sender, answer) in senders.into_iter().zip(answers) {
                // Whoever has gone away gets the same answer by asking again.
                let _gone = sender.send(answer);
            }
        }
        Err(error) => {
            let (error, count) = (&error as &dyn std::error::Error, questions.len());
            tracing::warn!(error, count, "questions could not be answered together");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::mpsc, thread, time::Duration};

    use super::*;

    #[derive(Clone)]
    struct Endless;

    impl Question for Endless {
        type Answer = ();
        const AT_WORK: usize = 1;
        const TOGETHER: usize = 2;

        fn goes_with(&self, _other: &Self) -> bool {
            true
        }

        async fn ask(_questions: &[Self]) -> Result<Vec<()>, DbError> {
            pending().await
        }
    }

    #[test]
    fn a_runtime_ends_while_some_are_at_work_and_others_wait() {
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let together = Together::<Endless>::default();
            for _ in 0..8 {
                let asking = together.clone();
                runtime.spawn(async move { asking.ask(&Endless).await });
            }
            while together.queue().waiting.len() < 7 {
                thread::yield_now();
            }
            drop(runtime);
            let queue = together.queue();
            done.send((queue.at_work, queue.waiting.len())).unwrap();
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok((0, 0)));
    }
}
