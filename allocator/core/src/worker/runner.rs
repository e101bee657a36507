use std::future::Future;

use super::{Ended, Turn};
use crate::{
    DbError,
    operations::{Kind, LeaseError, Outcome},
};

/// Carries out the operations of a kind.
pub trait Runner<K: Kind>: Send + Sync + 'static {
    /// What an attempt passes to [`Self::settle`].
    type Left: Default + Send;

    /// Does the work, until it is done or told to stop (`turn.held`). If an earlier worker
    /// abandoned the operation, looks first at what is left of its work. Called again after the
    /// database was away.
    fn attempt(
        &self,
        job: &K,
        turn: &mut Turn,
    ) -> impl Future<Output = Result<Attempt<Self::Left>, Trouble>> + Send;

    /// Writes what an attempt has done that is to be tried again, before its operation waits for that.
    /// Called again until the database takes it.
    fn put_off(
        &self,
        _job: &K,
        _turn: &Turn,
        _left: &mut Self::Left,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Writes what belongs to the end besides the operation's own row, which the worker writes
    /// afterwards. Called again until the database takes it.
    fn settle(
        &self,
        _job: &K,
        _turn: &Turn,
        _outcome: &Outcome,
        _left: &mut Self::Left,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Cleans up after everything is written.
    fn tidy(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// An attempt that has ended by itself.
#[derive(Debug)]
pub struct Attempt<T> {
    pub ended: Ended,
    pub left: T,
}

impl<T: Default> From<Ended> for Attempt<T> {
    fn from(ended: Ended) -> Self {
        Self { ended, left: T::default() }
    }
}

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Tried again while the database is away.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Somebody else works on the operation now.
    #[error("the operation's lease was lost")]
    LeaseLost,
    /// In plain words.
    #[error("{0}")]
    Other(String),
}

impl From<LeaseError> for Trouble {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Db(error) => Self::Db(error),
        }
    }
}

crate::db::takes_statement_errors!(Trouble);
