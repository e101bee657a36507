use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// An operation was queued: `/api/operations/{operation_id}` tells how it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queued {
    pub operation_id: i64,
}

/// One durable job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationBody {
    pub operation_id: i64,
    /// The word of its kind, such as `launch`; a newer allocator may have more.
    pub kind: String,
    /// What it does, as people read it.
    pub title: String,
    pub hostnames: Vec<Hostname>,
    /// Operations of one lane take turns.
    pub lane: String,
    /// Must succeed before this begins.
    pub after: Option<i64>,
    /// It begins at this time, or later.
    pub not_before: Option<Timestamp>,
    /// Which one it is a step of.
    pub parent: Option<i64>,
    /// `awaiting_approval`, `queued`, `running`, `succeeded`, `failed`, `cancelled` or
    /// `interrupted`.
    pub state: String,
    pub actor: String,
    /// Who approved or rejected it, and when.
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    /// How often it was begun, and how often it is tried at most, where a failure may pass.
    pub attempts: i32,
    pub max_attempts: i32,
    /// When the attempt that runs is stopped.
    pub deadline: Option<Timestamp>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub progress: ProgressBody,
    pub exit_code: Option<i32>,
    /// Why it failed or stopped, in plain words.
    pub reason: Option<String>,
}

/// Resources done, of all that are to be done; of a collection, files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgressBody {
    pub done: i32,
    pub total: i32,
}

/// An operation with what it does to each VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationDetail {
    #[serde(flatten)]
    pub operation: OperationBody,
    /// How long such an operation took lately.
    pub usual_seconds: Option<i64>,
    /// What it found wrong with Terraform's state.
    pub conflict: Option<ConflictBody>,
    /// The VMs that it is about.
    pub targets: Vec<Target>,
    /// How far it has come with each VM that it touches.
    pub steps: Vec<Step>,
    /// VMs that a cloud had no room for, in each of its attempts: the newest first, 200 at
    /// most. What waits to be tried again is called off with `cancel`.
    pub refusals: Vec<RefusalBody>,
    /// The same as `steps`, by its earlier name.
    pub vms: Vec<Step>,
}

/// A VM that an operation is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    pub hostname: Hostname,
    /// `included`, `replaced` (another machine has its place), `gone` or `left_out`.
    pub standing: String,
    /// Why it is left out.
    pub reason: Option<String>,
}

/// A state of Terraform's that can't be true: nothing is launched or destroyed until it is solved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConflictBody {
    /// `empty`, `unreadable`, `other_history`, `older` or `incomplete`.
    pub fault: String,
    /// VMs that exist, and that the state lacks.
    pub hostnames: Vec<Hostname>,
    pub solved: bool,
    /// To be posted to, for the VMs to be put back into the state; null once it is solved.
    pub bring_back: Option<String>,
    /// To be posted to with all of `hostnames` as `hostname`, for the VMs to be let go of.
    pub give_up: Option<String>,
}

/// A VM that a cloud had no room for, in one attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusalBody {
    pub hostname: Hostname,
    /// Counted from 1.
    pub attempt: i32,
    /// As what and where it was to be made, if that is known.
    pub machine_type: Option<String>,
    pub zone: Option<String>,
    /// `capacity` (none of that type in that zone) or `quota` (of the account).
    pub shortage: String,
    /// In plain words.
    pub reason: String,
    /// As what and where it is tried next; null: wherever there is room.
    pub next_machine_type: Option<String>,
    pub next_zone: Option<String>,
    pub at: Timestamp,
}

/// How far one VM has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    pub hostname: Hostname,
    /// `waiting`, `creating`, `destroying`, `collecting`, `done`, `failed` or `unfinished`.
    pub stage: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub detail: Option<String>,
}

/// An operation that is over, with the last lines of its log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationOutput {
    #[serde(flatten)]
    pub operation: OperationBody,
    pub output: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationList {
    pub operations: Vec<OperationBody>,
    /// What `before` takes for the next page; null at the end.
    pub next: Option<i64>,
}
