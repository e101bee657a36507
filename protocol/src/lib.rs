//! Wire types of LabLink's HTTP contract, shared by the allocator, the agent and programs
//! of organisers: what goes over the network, and nothing that reads or writes it.

mod agent;
mod crd;
mod error;
mod hostname;
mod invisible;
mod notice;
#[cfg(feature = "organisers")]
pub mod organisers;
mod proxy;
mod status;
mod vitals;
mod wait;

pub use agent::{
    ClaimOutcome, ClaimResult, CleanOutcome, CleanResult, Enrol, Enrolled, Fault, GpuReport,
    Heartbeat, HeartbeatAnswer, InUseReport, KeptCollected, RenewToken,
};
pub use crd::{CrdCode, CrdCommandError};
pub use error::{ErrorBody, TOKEN_DUE};
pub use hostname::{Hostname, InvalidHostname};
pub use invisible::is_invisible;
pub use notice::CloudNotice;
pub use proxy::ProxyHeader;
pub use status::{GpuHealth, StatusReport, VmStatus};
pub use vitals::{Cleaning, GpuReading, TokenKeeping, Vitals};
pub use wait::{Seen, WaitAnswer, WaitRequest};
