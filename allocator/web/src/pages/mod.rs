//! LabLink's pages: one typed struct per page, rendered by the template of its name.
//!
//! The structs are plain owned data. Handlers fill them; nothing here reads a database or knows
//! of requests. Everything that people and VMs send is escaped by the templates.

mod admin;
pub mod assets;
mod aws;
mod claim;
mod confirm;
mod conflict;
mod destroy;
mod error;
mod instances;
mod launch;
mod line;
mod log;
mod machine;
mod moment;
mod notices;
mod operation;
mod operations;
mod own_log;
mod participants;
mod request;
mod results;
mod timeline;
mod tone;
mod trouble;
mod usage;
mod used;
mod vm;
mod way_in;

pub use admin::{AdminPage, DatabaseConnections, Happening, PoolCounts};
pub use aws::{AwsPage, AwsStanding, MachinesWithoutAws};
pub use claim::{ClaimEnd, ClaimPage, ClaimReturnPage, ClaimState, CommandForm, Connection};
pub use confirm::{ConfirmPage, Deed};
pub use conflict::{ConflictCard, ConflictPage, ConflictVm, StateFault, WayOut};
pub use destroy::{DestroyPage, DestroyRow, Holder};
pub use error::ErrorPage;
pub use instances::{
    Activity, Gpu, InstanceClaim, InstanceRow, InstancesPage, InstancesSearch, VmState,
};
pub use launch::LaunchPage;
pub use line::{LineEnd, LinePage, LineState};
pub use log::{LogLevels, LogLines, LogPage, LogPart};
pub use machine::{InstallPage, MachineField, MachinePage, SshTyped};
pub(crate) use notices::under;
pub use operation::{
    LeftOut, LogLevel, LogLine, OperationPage, OperationResults, OperationVm, StepState,
};
pub use operations::{OperationKind, OperationState, OperationSummary, OperationsPage};
pub use own_log::{OwnLogLine, OwnLogPage};
pub use participants::{
    AddressCrowd, OpenClaim, ParticipantsPage, PlaceRow, ReentryRow, SamePersonRow,
};
pub use request::{OwnPage, RequestField, RequestPage, RequestProblem};
use results::size;
pub use results::{ArchiveCard, CollectionCard, ResultsPage, ResultsVm, VmOutcome};
pub use timeline::{Stretch, Timeline, TimelineRow};
pub use tone::Tone;
pub use trouble::{Attention, Trouble};
pub use usage::{UsageChart, UsageSample};
pub use used::{Afterwards, UsedNote, UsedStanding};
pub use vm::{PastClaim, Shelter, VmPage, VmSource};
pub use way_in::{ClearLinePage, LockingOut, NewLinkPage, WayIn, WayInPage};
