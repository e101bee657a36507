//! Claims: one participant holding one VM, from claim to release.

mod agent_side;
mod assign;
mod cleaning;
mod crowded;
mod faulty_machine;
mod list;
mod page;
mod proof;
mod reentry;
mod release;
mod request;
mod result;
mod same_person;
mod way_in;

pub use crate::ids::ClaimId;
pub use agent_side::{Delivery, Situation, delivered, situation};
pub(crate) use assign::{KeptFor, NewClaim, NotAssigned, assign_kept, open_claim_of};
pub use cleaning::{NotToClean, clean_again, cleaned};
pub(crate) use faulty_machine::move_claims;
pub use list::{ClaimRecord, Ended, Which, list};
pub(crate) use page::opens;
pub use page::{ClaimView, Given, Machine, Progress, by_link, give_command, was_revoked};
pub use proof::is_proven;
pub use reentry::{Reentry, reentries};
pub use release::ReleaseReason;
pub(crate) use release::release_of_vm;
pub use request::{Granted, Proof, Refusal, Request, RequestError, request};
pub use result::{NoSuchClaim, report};
pub use same_person::{SamePerson, same_person};
pub use way_in::{Holding, LockOut, LockOutError, NewLink, holding, issue_link, lock_out};

use crate::text_enum::text_enum;

text_enum! {
    /// How far connecting the participant has come, for the newest command.
    pub enum ClaimState {
        /// The agent has not fetched the command yet.
        Waiting = "waiting",
        Connecting = "connecting",
        Connected = "connected",
        Failed = "failed",
    }
}
