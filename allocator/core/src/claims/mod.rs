//! Claims: one participant holding one VM, from claim to release.

mod agent_side;
mod assign;
mod cleaning;
mod list;
mod page;
mod reentry;
mod release;
mod request;

pub use agent_side::{Delivery, NoSuchClaim, Situation, delivered, report, situation};
pub use assign::ClaimId;
pub(crate) use assign::{KeptFor, NewClaim, NotAssigned, assign_kept, open_claim_of};
pub use cleaning::{NotToClean, clean_again, cleaned};
pub use list::{ClaimRecord, Ended, Which, list};
pub(crate) use page::opens;
pub use page::{ClaimView, Progress, by_link, give_command};
pub use reentry::{NewLink, Reentry, issue_link, reentries};
pub use release::{ReleaseReason, release_of_vm};
pub use request::{Granted, Proof, Reclaim, Refusal, Request, RequestError, request};

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
