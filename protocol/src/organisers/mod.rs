//! What programs of organisers read: the allocator's pool as its API tells it. Words of a few, such as
//! states, are texts here: a newer allocator may have more.

mod claims;
mod collections;
mod events;
mod logs;
mod machines;
mod operations;
mod pool;
mod preflight;
mod vms;

pub use claims::{ClaimList, ClaimRecordBody};
pub use collections::{ArchiveBody, CollectedBody, CollectionBody, CollectionList};
pub use events::{EventBody, EventList};
pub use logs::{LogLine, LogPage};
pub use machines::RegisteredBody;
pub use operations::{
    ConflictBody, OperationBody, OperationDetail, OperationList, OperationOutput, ProgressBody,
    Queued, Step, Target,
};
pub use pool::{PoolBody, StartBody, StartList, UsageList, UsageSample};
pub use preflight::{FindingBody, PreflightBody};
pub use vms::{ClaimBody, InstanceBody, VmBody, VmList, VmStatusBody};
