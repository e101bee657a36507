//! VMs: the machines of a pool, as rows. A row holds what the organiser wants and what the agent
//! reports. Terraform alone knows what exists.

mod admit;
mod counts;
mod list;
mod overdue;
mod plan;
mod reconcile;
mod register;
mod report;
mod search;
mod suspect;
mod used;
mod watch;

pub use crate::ids::VmId;
pub use admit::{AdmitError, admit};
pub use counts::{Counts, counts, free};
pub use list::{Cursor, InvalidCursor, Vm, VmClaim, find, list, page, source};
pub use plan::{Selection, VmsError};
pub(crate) use plan::{made, never_made, plan};
pub use reconcile::{
    Existing, Unmet, doubt, fail, make_anew, note_undone, present, reconcile_existing, remove,
    running_among, unplan,
};
pub(crate) use reconcile::{doubt_in, remove_in, succeed};
pub use register::{RegisterError, Registered, forget, register, renew_enrolment};
pub use report::{ReportError, goodbye, heartbeat, set_gpu, set_in_use, set_status, start_failed};
pub use search::{Found, Search, Sort, State, search};
pub(crate) use used::reuse;
pub use watch::{Limits, Watch, notice, point_out};

macro_rules! fit {
    () => {
        "vm.claim_id is null and vm.removed_at is null \
         and vm.removing_at is null and vm.used_at is null and vm.status = 'running' \
         and vm.token_due_at is null and vm.barred_at is null \
         and vm.gpu is distinct from 'unhealthy' \
         and not exists (select from vm_presence where vm_presence.vm_id = vm.id \
             and (vm_presence.stopped \
              or vm_presence.last_seen < now() - make_interval(secs => $2::float8)))"
    };
}

/// What makes a VM fit to be handed out, for `where` in statements that name the table `vm` and
/// pass [`StaleAfter`] in seconds as `$2`. A VM that has never sent a heartbeat counts as alive:
/// the original's agents send none.
pub(crate) const FIT: &str = fit!();

/// The same, for VMs that are not kept for anybody in line.
pub(crate) const CLAIMABLE: &str = concat!("vm.place_id is null and ", fit!());

/// The order in which VMs are handed out.
pub(crate) const BEST_FIRST: &str = "vm.gpu is not distinct from 'degraded', vm.number, vm.id";
