//! Agents' tokens. A VM's token changes hands with the VM: from the end of a claim on, or once an
//! organiser has given it to another person, it is good for a new one and for nothing else. Nobody
//! can claim the VM, and nobody hears of an open claim, before that one was used. So a participant
//! who copied a token while they had the VM learns nothing of the next one.

mod alarm;
mod bearer;
mod enrolment;
mod rotation;

pub use alarm::{LiftError, Misuse, lift_bar, raise};
pub use bearer::{Bearer, attend, identify, needs_token};
pub use enrolment::{
    EnrolError, enrol, has_never_enrolled, issue_enrolment, issue_enrolments, issue_to_newcomer,
    issue_while_idle,
};
pub(crate) use enrolment::{NEVER_ENROLLED, issue_token};
pub(crate) use rotation::ask_for_new_token;
pub use rotation::{RenewError, renew};
