//! What the database knows of Terraform's state: which state was seen last, which machines it must
//! hold, and what was wrong with a state that was refused.

mod conflict;
mod give_up;
mod machines;
mod seen;

pub(crate) use conflict::conflict_in;
pub use conflict::{Conflict, Fault, conflict_of, record_conflict};
pub use give_up::give_up;
pub use machines::{
    adopted, being_made_by, being_made_with, doubled, existing, in_hand, made_by, removed_among,
    take_in_hand, take_true,
};
pub use seen::{Version, last_seen};
