//! Rules about rows that several modules share: how a claim stands and how it ends, which places in
//! line wait, how long starts took, what is at work. Imports none of those modules.

mod changes_machines;
mod claim_state;
mod place;
mod release;
mod token_due;
mod took;

pub(crate) use changes_machines::CHANGES_MACHINES;
pub use claim_state::ClaimState;
pub(crate) use place::{WAITING, find_open, is_invited};
pub use release::ReleaseReason;
pub(crate) use release::release_of_vm;
pub(crate) use token_due::TOKEN_DUE;
pub(crate) use took::TOOK;
