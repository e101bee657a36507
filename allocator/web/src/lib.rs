//! The allocator's HTTP face.
//!
//! `connections` takes what comes, and bounds it. `router` lists every path and who may use it. A
//! request passes `http` (its id, the security headers, errors as a page or as JSON), then `auth`
//! (who asks, and whether they may; what a VM may ask for says `agents`), then one handler of
//! `routes`, which calls one function of the core and fills a page or a wire type.

mod agents;
mod assets;
mod auth;
mod aws;
mod budgets;
mod claims;
mod connections;
mod history;
mod http;
mod line;
mod live;
mod logs;
mod machines;
pub mod metrics;
mod monitoring;
mod openapi;
mod operations;
mod overview;
mod own_log;
pub mod pages;
mod participants;
mod request;
mod results;
mod router;
mod sha256_sum;
mod state;
mod states;
mod transfers;
mod vms;
mod waits;
mod wire;

pub use auth::{
    AdminLogin, AgentAuth, Browsers, CodeGuesses, FormLimits, InvalidHash, UnfitPassword,
    WeakPassword, fits_bcrypt, fits_new, is_common, is_short,
};
pub use budgets::{AgentBudgets, AgentLimits};
pub use connections::{Bounds, ConnectionLimits, Patience, listen, serve};
pub use http::{Proxies, ProxyHeader};
pub use openapi::document as openapi;
pub use own_log::{OwnLog, OwnLogEntry};
pub use router::{access_table, begins_table, router};
pub use sha256_sum::{InvalidSum, Sha256Sum};
pub use state::{AgentInstall, AgentProgram, AppState, FromAws, Settings};
pub use transfers::Transfers;
pub use waits::Waits;

/// What the pages are made of, for the gallery that shows each of them (`examples/gallery`).
pub mod gallery {
    pub use crate::{
        aws::page::{AwsPage, AwsStanding, MachinesWithoutAws},
        claims::page::{ClaimEnd, ClaimPage, ClaimReturnPage, ClaimState, CommandForm, Connection},
        line::page::{LineEnd, LinePage, LineState},
        logs::own_page::{OwnLogLine, OwnLogPage},
        logs::page::{LogLevels, LogLines, LogPage, LogPart},
        machines::page::{InstallPage, MachineField, MachinePage, SshTyped},
        monitoring::tasks_page::{TaskRow, TaskRun, TasksPage},
        operations::conflict_page::{ConflictCard, ConflictPage, ConflictVm, StateFault, WayOut},
        operations::list_page::{OperationState, OperationSummary, OperationsPage},
        operations::page::{
            LeftOut, LogLevel, LogLine, OperationPage, OperationResults, OperationVm, Starts,
            StepState,
        },
        overview::page::{AdminPage, DatabaseConnections, Happening, PoolCounts},
        overview::usage::{UsageChart, UsageSample},
        pages::{ErrorPage, Stretch, Timeline, TimelineRow, Tone},
        participants::page::{
            AddressCrowd, OpenClaim, ParticipantsPage, PlaceRow, ReentryRow, SamePersonRow,
        },
        participants::way_in_page::{ClearLinePage, LockingOut, NewLinkPage, WayIn, WayInPage},
        request::page::{OwnPage, RequestField, RequestPage, RequestProblem},
        results::page::{ArchiveCard, CollectionCard, ResultsPage, ResultsVm, VmOutcome},
        states::trouble::{Attention, Trouble},
        states::used_note::{Afterwards, UsedNote, UsedStanding},
        vms::confirm_page::{ConfirmPage, Deed},
        vms::destroy_page::{DestroyPage, DestroyRow, Holder},
        vms::instances_page::{
            Activity, Gpu, InstanceClaim, InstanceRow, InstancesPage, InstancesSearch, VmState,
        },
        vms::launch_page::LaunchPage,
        vms::vm_page::{PastClaim, Shelter, VmPage, VmSource},
    };
}
