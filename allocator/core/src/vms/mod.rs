//! VMs: the machines of a pool, as rows. A row holds what the organiser wants and what the agent
//! reports. Terraform alone knows what exists.

mod admit;
mod cloud_notice;
mod counts;
mod heard;
mod instance;
mod list;
mod overdue;
mod page;
mod plan;
mod reconcile;
mod register;
mod report;
mod selection;
mod silent;
mod state;
mod stretch;
mod unheard;
mod used;
mod view;
mod watch;

pub use crate::ids::VmId;
pub use admit::{AdmitError, admit};
pub(crate) use cloud_notice::cloud_notice;
pub use cloud_notice::taken_back_at;
pub use counts::{Counts, counts, free};
pub use heard::{Heard, heard};
pub use instance::{Instance, failed_among, hear, note_instances};
pub use list::{Vm, VmClaim, find, list, named, source, statuses};
pub use page::{Page, Place, count, page};
pub use plan::VmsError;
pub(crate) use plan::{made, never_made, plan, unmade_among};
pub use reconcile::{
    Existing, Unmet, doubt, fail, make_anew, note_undone, present, reconcile_existing, remove,
    running_among, unplan,
};
pub(crate) use reconcile::{begin_replacement, doubt_in, remove_in};
pub use register::{RegisterError, Registered, forget, register, renew_enrolment};
pub use report::{ReportError, goodbye, heartbeat, set_gpu, set_in_use, set_status, start_failed};
pub(crate) use selection::{ANY, select};
pub use selection::{SelectError, Selection};
pub use state::State;
pub use unheard::ask_about_unheard;
pub(crate) use used::reuse;
pub use view::{Beginning, Sort, View};
pub use watch::{Limits, Watch, keep_states, notice, point_out};

macro_rules! heard {
    () => {
        " and vm.removed_at is null \
         and coalesce((select not vm_presence.stopped \
             and vm_presence.last_seen >= now() - make_interval(secs => $2::float8) \
             from vm_presence where vm_presence.vm_id = vm.id), true)"
    };
}

/// What makes a VM fit to be handed out, for `where` in statements that name the table `vm` and
/// pass [`StaleAfter`] in seconds as `$2`. A VM may have become silent since the last pass marked
/// those. One that has never sent a heartbeat counts as alive: the original's agents send none.
/// The subquery looks at one VM after the other: as `not exists`, it becomes a join that reads all
/// presences first.
pub(crate) const FIT: &str = concat!("vm.state in ('free', 'offered')", heard!());

/// The same, for VMs that are not kept for anybody in line. Those are in the index `vm_free`.
pub(crate) const CLAIMABLE: &str = concat!("vm.state = 'free'", heard!());

/// The order in which VMs are handed out.
pub(crate) const BEST_FIRST: &str = "vm.gpu is not distinct from 'degraded', vm.number, vm.id";
