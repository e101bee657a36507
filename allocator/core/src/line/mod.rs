//! The waiting line: a person who comes when every VM is taken gets a place, and VMs go to places
//! in their order.
//!
//! A VM that becomes free is *offered*: kept for the first place in line, in the transaction that
//! frees it, until that person gives a command (codes are short-lived, so none is asked for
//! earlier) or the offer runs out. While somebody waits without an offer, nobody outside the line
//! gets a VM: a VM that became free unseen, as by a heartbeat, can't be snatched. A place that does
//! not react to its offer shows no life: the VM goes on to the next, and the place gets another
//! one, the last, once somebody looks at it again.
//!
//! Locks are taken in this order: rows of VMs, the line, rows of places. A transaction that holds
//! the line takes only VMs that nobody else has locked (`skip locked`).

mod claim;
mod invite;
mod join;
mod list;
mod look;
mod remove;
mod serve;

use std::time::Duration;

pub use crate::ids::PlaceId;
pub use claim::{ClaimKept, claim};
pub(crate) use invite::invite;
pub use join::{JoinError, Joined, Person, Presented, join, leave};
pub use list::{Crowd, Length, Places, Waiting, count, crowd, length, waiting};
pub use look::{Standing, is_open, look};
pub use remove::{Removal, remove};
pub(crate) use serve::serve;
pub use serve::tend;

use crate::{DbError, events::Change, text_enum::text_enum};

/// A place ends when nobody has looked at it for this long.
pub const LAPSES_AFTER: Duration = Duration::from_secs(180);
/// How long a free VM is kept for the place that it was offered to.
pub const KEPT_FOR: Duration = Duration::from_secs(600);
/// How long it is kept if nobody looks at the place. Then the VM goes to the next.
pub const KEPT_UNSEEN_FOR: Duration = Duration::from_secs(60);
/// How long a place is kept after its last look in any case, since two offers may pass it by
/// meanwhile.
pub const SURELY_KEPT_FOR: Duration = Duration::from_secs(120);
/// The longest outage that costs nobody a place, given how often pages look.
pub const SURVIVES: Duration = Duration::from_secs(90);
/// How long a place that an organiser made, and a VM for it, is kept at least: its link has to
/// reach the person first.
pub const INVITED_FOR: Duration = Duration::from_secs(3600);

text_enum! {
    /// Why a place in line ended.
    pub enum EndReason {
        /// Its person has a VM.
        Claimed = "claimed",
        /// Its person gave it up.
        Left = "left",
        /// An organiser took it away.
        Removed = "removed",
        /// Nobody looked at it, or took what it was offered, in time.
        Lapsed = "lapsed",
    }
}

/// People in line are counted up to this number: a look at a place in a longer line takes no longer.
pub const COUNTED: i64 = 200;

/// The order in which places are served: people with an invitation come first.
pub(crate) const ORDER: &str = "place.invited_until is null, place.id";

/// Takes the line's lock: changes of the line take turns, in all allocators.
async fn lock(change: &Change<'_>) -> Result<(), DbError> {
    // Two keys keep this apart from the migrations' lock, which has one.
    let sql = "select pg_advisory_xact_lock(1818848869, $1::bigint::int)";
    change.execute(sql, &[&change.pool().as_i64()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::WAITING;

    #[test]
    fn a_place_is_kept_as_long_as_is_said() {
        assert!(SURELY_KEPT_FOR <= LAPSES_AFTER && SURELY_KEPT_FOR <= 2 * KEPT_UNSEEN_FOR);
    }

    #[test]
    fn the_sql_and_the_constant_agree_on_when_a_place_lapses() {
        assert!(WAITING.contains(&format!("'{} seconds'", LAPSES_AFTER.as_secs())));
    }
}
