//! Transactions that Postgres ended for another's sake are tried again.
//!
//! Every transaction takes its locks in one order, so that they don't end each other: the wish's
//! key (`scope`), the pool's row, operations, VMs (by id), claims, the waiting line (an advisory
//! lock), places in line. Rows are locked without their keys (`for no key update`), since every
//! event's foreign key looks at the rows that it is about. A transaction that holds the line takes
//! only VMs that nobody else has locked (`skip locked`).

use std::time::Duration;

use super::DbError;

/// The number of tries in all.
const TRIES: u32 = 4;

/// Runs a transaction, an `async` block, and again from its beginning if it was ended by a deadlock
/// or a serialization failure, which nobody shall ever see.
macro_rules! again {
    ($transaction:expr) => {{
        let mut tried = 0;
        loop {
            let outcome = $transaction.await;
            tried += 1;
            match outcome.as_ref().err().and_then(|error| $crate::db::pause(error, tried)) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break outcome,
            }
        }
    }};
}

pub(crate) use again;

/// How long to wait before a failed transaction is tried again; none: it is not.
pub(crate) fn pause(error: &impl HasDbError, tried: u32) -> Option<Duration> {
    if tried == TRIES || !error.db_error().is_some_and(DbError::is_contended) {
        return None;
    }
    tracing::warn!(tried, "a transaction was ended for another's sake; trying again");
    // A random pause, since the other transaction tries again as well.
    Some(Duration::from_millis(rand::random_range(1..20)) * tried)
}

/// An error that may be the database's.
pub(crate) trait HasDbError {
    fn db_error(&self) -> Option<&DbError>;
}

impl HasDbError for DbError {
    fn db_error(&self) -> Option<&DbError> {
        Some(self)
    }
}
