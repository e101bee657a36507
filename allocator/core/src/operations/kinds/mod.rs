//! The kinds of operations on VMs: what each is, and how it is asked for.

mod at_work;
mod bring_back;
mod destroy;
mod first;
mod give_up;
mod launch;
mod left;
mod of_made;
mod reboot;
mod replace;

pub use at_work::is_at_work;
pub use bring_back::{BringBack, SolveError, bring_back};
pub use destroy::{Destroy, destroy};
pub use first::launch_first;
pub use give_up::{GiveUp, give_up};
pub use launch::{Launch, LaunchError, launch, launched_before, still_to_come};
pub use reboot::{Reboot, RebootError, reboot, rebooted};
pub use replace::{Replace, replace};

use std::time::Duration;

use crate::{DbError, vms::VmsError};

/// Why something can't be asked of VMs.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Vms(#[from] VmsError),
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(AskError);

/// How often Terraform is tried in all while somebody else holds the state's lock: the pauses between
/// the attempts add up to 8 min.
const TERRAFORM_ATTEMPTS: u16 = 6;

/// A time limit for what may hang around Terraform, which has a limit of its own by the number of
/// all VMs.
fn terraform(vms: usize) -> Duration {
    let each = Duration::from_secs(30).saturating_mul(u32::try_from(vms).unwrap_or(u32::MAX));
    Duration::from_hours(12).saturating_add(each)
}
