//! Claims: one participant holding one VM, from claim to release.

mod assign;
mod cleaning;
mod crowded;
mod delivered;
mod faulty_machine;
mod grant;
mod intake;
mod list;
mod page;
mod proof;
mod reentry;
mod request;
mod result;
mod same_person;
mod situation;
mod way_in;

pub use crate::ids::ClaimId;
pub(crate) use assign::{KeptFor, NewClaim, NotAssigned, assign_kept, open_claim_of};
pub use cleaning::{NotToClean, clean_again, cleaned};
pub use delivered::Deliveries;
pub(crate) use faulty_machine::move_claims;
pub use grant::request;
pub use intake::Intake;
pub use list::{ClaimRecord, Ended, Which, list};
pub(crate) use page::opens;
pub use page::{ClaimView, Given, Machine, Progress, by_link, give_command, was_revoked};
pub use proof::is_proven;
pub use reentry::{Reentry, reentries};
pub use request::{Granted, Proof, Refusal, Request, RequestError};
pub use result::{NoSuchClaim, report};
pub use same_person::{SamePerson, same_person};
pub use situation::{Delivery, Looks, Sight, Situation};
pub use way_in::{Holding, LockOut, LockOutError, NewLink, holding, issue_link, lock_out};

pub(crate) use crate::rows::release_of_vm;
pub use crate::rows::{ClaimState, ReleaseReason};
