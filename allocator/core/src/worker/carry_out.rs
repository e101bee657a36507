//! One operation, from its attempt to its written end.

use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, Ended, Runner, Trouble, Turn};
use crate::operations::{Again, Counts, Kind, Operation};

/// The pause before the second attempt, after a failure that may pass. Each further pause is twice
/// as long.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// How long after its first start an operation is tried again whose rest is refused.
const REFUSED_FOR: Duration = Duration::from_hours(3);

pub(super) async fn carry_out<K: Kind, R: Runner<K>>(runner: &R, job: &K, turn: &mut Turn) {
    let id = turn.operation.id;
    let Attempt { ended, mut left } = attempted(runner, job, turn).await;
    turn.held.work_is_over();
    if let Some(again) = again(&ended, turn) {
        return put_off(runner, job, turn, &again, &mut left).await;
    }
    let Some(outcome) = ended.outcome() else {
        tracing::warn!(operation.id = %id, "the operation was taken over; leaving it alone");
        return;
    };
    loop {
        let written = match runner.settle(job, turn, &outcome, &mut left).await {
            Ok(()) => turn.lease.finish(&outcome).await,
            Err(error) => Err(error),
        };
        if !turn.again(written).await {
            break;
        }
    }
    runner.tidy().await;
}

/// Ends an operation that can't be begun.
pub(super) async fn call_off<K: Kind>(job: &K, turn: &mut Turn, reason: &str) {
    loop {
        let written = turn.lease.call_off(job, reason).await;
        if !turn.again(written).await {
            return;
        }
    }
}

/// Ends an operation by writing its end and nothing else.
pub(super) async fn end(turn: &mut Turn, ended: Ended) {
    let Some(outcome) = ended.outcome() else { return };
    loop {
        let written = turn.lease.finish(&outcome).await;
        if !turn.again(written).await {
            return;
        }
    }
}

async fn attempted<K: Kind, R: Runner<K>>(
    runner: &R,
    job: &K,
    turn: &mut Turn,
) -> Attempt<R::Left> {
    let overrun = turn.held.overrun();
    let attempt = async {
        loop {
            let error = match (runner.attempt(job, turn).await, turn.held.stop()) {
                (Ok(attempt), _) => return attempt,
                (Err(error), Some(stop)) => {
                    let (id, reason) = (turn.operation.id, error.to_string());
                    tracing::info!(operation.id = %id, reason, ?stop, "stopped before it was done");
                    return Ended::stopped_by(stop).into();
                }
                (Err(error), None) => error,
            };
            let reason = match error {
                // Nothing has been done yet, so it is tried again when the database is back.
                Trouble::Db(refused) if turn.waits_for(&refused).await => continue,
                Trouble::Db(refused) => crate::chain(&refused),
                Trouble::LeaseLost => return Ended::LeaseLost.into(),
                Trouble::Other(reason) => reason,
            };
            tracing::error!(operation.id = %turn.operation.id, reason, "it could not be done");
            return Ended::failed(reason).into();
        }
    };
    tokio::select! {
        attempt = attempt => attempt,
        stop = overrun => {
            tracing::error!(?stop, "the work did not stop when it was told to");
            Ended::stopped_by(stop).into()
        }
    }
}

/// How the operation is to be tried again after this end, if it is.
fn again(ended: &Ended, turn: &Turn) -> Option<Again> {
    let Operation { attempts, max_attempts, started_at, .. } = turn.operation;
    let pause = pause_after(attempts);
    match ended {
        Ended::Passing { reason } if attempts < max_attempts => Some(Again {
            reason: format!("Attempt {attempts} of {max_attempts} failed: {reason}"),
            pause,
            counts: Counts::AsAttempt,
        }),
        Ended::Refused { reason } if lasted(started_at) < REFUSED_FOR => {
            Some(Again { reason: reason.clone(), pause, counts: Counts::AsPart })
        }
        _ => None,
    }
}

fn lasted(since: Option<Timestamp>) -> Duration {
    let lasted = since.map(|since| Timestamp::now().duration_since(since));
    lasted.and_then(|it| it.try_into().ok()).unwrap_or_default()
}

/// Writes what the attempt has done, and puts the operation back into the queue for a while.
async fn put_off<K: Kind, R: Runner<K>>(
    runner: &R,
    job: &K,
    turn: &mut Turn,
    again: &Again,
    left: &mut R::Left,
) {
    loop {
        let written = match runner.put_off(job, turn, left).await {
            Ok(()) => turn.lease.try_again(again).await,
            Err(error) => Err(error),
        };
        if !turn.again(written).await {
            return;
        }
    }
}

/// How long to wait after this many attempts.
fn pause_after(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        assert_eq!(pause_after(1), FIRST_PAUSE);
        assert_eq!(pause_after(2), FIRST_PAUSE * 2);
        assert_eq!(pause_after(3), FIRST_PAUSE * 4);
        assert_eq!(pause_after(i32::MAX), LONGEST_PAUSE);
    }
}
