//! What several parts of the rules say of the same rows: how a claim stands and how it ends, which
//! places in line wait, how long starts took. Knows none of those parts.

mod claim_state;
mod place;
mod release;
mod took;

pub use claim_state::ClaimState;
pub(crate) use place::{WAITING, find_open, is_invited};
pub use release::ReleaseReason;
pub(crate) use release::release_of_vm;
pub(crate) use took::TOOK;
