//! The allocator's HTTP face.
//!
//! `connections` takes what comes, and bounds it. `router` lists every path and who may use it. A
//! request passes `layers` (its id, the security headers, errors as a page or as JSON), then `auth`
//! (who asks, and whether they may), then one handler, in the folder of its feature, which calls one
//! function of the core and fills a page or a JSON body. Handlers reach everything through `state`.
//!
//! Below the state, and knowing nothing of it: `http` (bodies, queries, problems), `attempts` (how often
//! a secret may be guessed and a form be sent), `budgets` (what a VM may ask for), `transfers`.
//!
//! A feature's handlers, pages and bodies lie together. What several features say of a VM, a claim or
//! an archive is in `states`, what all pages share in `pages`; URLs come from `links`.

mod agents;
mod assets;
mod attempts;
mod auth;
mod aws;
mod budgets;
mod channels;
mod claims;
mod connections;
mod doctor;
mod history;
mod http;
mod layers;
mod line;
mod links;
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
mod rendezvous;
mod request;
mod results;
mod route;
mod router;
mod sha256_sum;
mod standing_notices;
mod state;
mod states;
mod transfers;
mod vms;
mod waits;
mod wire;

pub use attempts::{AdminLogin, Browsers, CodeGuesses, FormLimits, InvalidHash};
pub use budgets::{AgentBudgets, AgentLimits};
pub use connections::{Bounds, ConnectionLimits, Patience, listen, serve};
pub use http::Proxies;
pub use own_log::{OwnLog, OwnLogEntry};
pub use pages::shows_desktops;
pub use rendezvous::Channels;
pub use router::{access_table, begins_table, openapi, router};
pub use sha256_sum::{InvalidSum, Sha256Sum};
pub use standing_notices::StandingNotices;
pub use state::{AgentAuth, AgentInstall, AgentProgram, AppState, Settings};
pub use transfers::Transfers;
pub use waits::Waits;

/// What the pages are made of, for the gallery that shows each of them (`examples/gallery`).
pub mod gallery {
    pub use lablink_checks::{Checked, Code, Finding as Seen};
    pub use lablink_core::{
        claims::ReleaseReason,
        operations::OperationState,
        pools::Source,
        preflight::{Finding, Question, Report, Verdict},
        startup::{ClientImage, ScriptRun, Setup},
        state::Fault,
        vms::Instance,
    };

    pub use crate::{
        aws::page::{AwsPage, AwsStanding, MachinesWithoutAws},
        claims::desktop::DesktopPage,
        claims::page::{ClaimPage, ClaimReturnPage, ClaimState, CommandForm, Way},
        doctor::page::{DoctorPage, GuidePage},
        history::happening::Happening,
        line::clear_page::ClearLinePage,
        line::page::{LineEnd, LinePage, LineState},
        line::place_row::PlaceRow,
        logs::own_page::{OwnLogLine, OwnLogPage},
        logs::page::{LogLevels, LogLines, LogPage, LogPart},
        machines::page::{InstallPage, MachineField, MachinePage, SshTyped},
        monitoring::tasks_page::{TaskRow, TaskRun, TasksPage},
        operations::conflict_page::{ConflictCard, ConflictPage, ConflictVm, WayOut},
        operations::list_page::OperationsPage,
        operations::page::{
            LeftOut, LogLine, OperationPage, OperationResults, OperationVm, Starts, StepState,
        },
        operations::summary::OperationSummary,
        overview::page::{AdminPage, DatabaseConnections, PoolCounts},
        overview::usage::{UsageChart, UsageSample},
        pages::{ErrorPage, LogLevel, Stretch, Timeline, TimelineRow, Tone},
        participants::page::{
            AddressCrowd, OpenClaim, ParticipantsPage, ReentryRow, SamePersonRow,
        },
        participants::way_in_page::{LockingOut, NewLinkPage, WayIn, WayInPage},
        request::page::{OwnPage, RequestField, RequestPage, RequestProblem},
        results::page::{CollectionCard, ResultsPage, ResultsVm, VmOutcome},
        states::afterwards::Afterwards,
        states::archive::ArchiveCard,
        states::asks_command::AsksCommand,
        states::claim::Connection,
        states::gpu::Gpu,
        states::trouble::{Attention, Trouble},
        states::used_note::{UsedNote, UsedStanding},
        states::vm::{Activity, Holder, InstanceClaim, VmState},
        vms::confirm_page::{ConfirmPage, Deed},
        vms::destroy_page::{DestroyPage, DestroyRow},
        vms::instances_page::{InstanceRow, InstancesPage},
        vms::launch_page::{LaunchPage, PreflightPart},
        vms::list_bar::{ListBar, ListCount},
        vms::vm_page::{PastClaim, Shelter, VmPage},
    };
}
