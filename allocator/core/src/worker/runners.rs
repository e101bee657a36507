use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    Ended, Runner, Turn,
    carry_out::{call_off, carry_out, end},
};
use crate::operations::{Kind, Kinds, Lane};

/// The kinds of operations that an allocator knows, with their runners.
#[derive(Default)]
pub struct Runners {
    kinds: Kinds,
    by_word: HashMap<&'static str, CarryOut>,
    pub(super) idle: Vec<Idle>,
}

/// Brings an operation to its written end.
type CarryOut = Box<dyn for<'a> Fn(&'a mut Turn) -> Work<'a> + Send + Sync>;
type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Idle work: what is done in a lane while no operation of it is at work here.
pub(super) struct Idle {
    pub lane: Lane,
    pub work: Box<dyn Fn(CancellationToken) -> Work<'static> + Send + Sync>,
}

impl Runners {
    /// Adds a kind with its runner.
    pub fn with<K: Kind>(self, runner: &Arc<impl Runner<K>>) -> Self {
        let runner = Arc::clone(runner);
        let kinds = self.kinds.clone().with::<K>();
        self.and::<K>(kinds, move |turn| {
            let runner = Arc::clone(&runner);
            Box::pin(async move {
                let Some(job) = begun::<K>(turn).await else { return };
                carry_out(&*runner, &job, turn).await;
            })
        })
    }

    /// Adds a kind that can't be carried out here: each operation of it fails for this reason.
    pub fn refusing<K: Kind>(self, why: &'static str) -> Self {
        let kinds = self.kinds.clone().with_refused::<K>(why);
        self.and::<K>(kinds, move |turn| {
            Box::pin(async move {
                let Some(job) = begun::<K>(turn).await else { return };
                call_off(&job, turn, why).await;
            })
        })
    }

    fn and<K: Kind>(
        mut self,
        kinds: Kinds,
        carry_out: impl for<'a> Fn(&'a mut Turn) -> Work<'a> + Send + Sync + 'static,
    ) -> Self {
        self.by_word.insert(K::WORD, Box::new(carry_out));
        Self { kinds, ..self }
    }

    /// Adds work that goes on while no operation of the lane is at work here. It ends soon after
    /// its token is cancelled; the operation waits for that.
    pub fn while_idle<F>(
        mut self,
        lane: Lane,
        work: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.idle.push(Idle { lane, work: Box::new(move |stop| Box::pin(work(stop))) });
        self
    }

    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    pub(super) async fn carry_out(&self, turn: &mut Turn) {
        match self.by_word.get(turn.operation.kind.as_str()) {
            Some(carry_out) => carry_out(turn).await,
            // The worker only takes kinds that it knows.
            None => tracing::error!(operation.id = %turn.operation.id, "an unknown kind"),
        }
    }
}

/// The payload, if the operation can begin. Otherwise its end is written.
async fn begun<K: Kind>(turn: &mut Turn) -> Option<K> {
    let job: K = match turn.operation.job() {
        Ok(Some(job)) => job,
        Ok(None) => return None,
        Err(error) => {
            end(turn, Ended::failed(crate::chain(&error))).await;
            return None;
        }
    };
    let reason = match turn.unmet().await {
        Ok(None) => return Some(job),
        Ok(Some(first)) => job.unmet(first),
        Err(reason) => reason,
    };
    call_off(&job, turn, &reason).await;
    None
}
