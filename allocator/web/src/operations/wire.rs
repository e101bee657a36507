use crate::links;
use jiff::Timestamp;
use lablink_core::{
    operations::{self, Operation, OperationId, Standing},
    placement::{Place, Refusal},
    state::Conflict,
};
use lablink_protocol::Hostname;
use serde::Serialize;
use utoipa::ToSchema;

/// An operation was queued: `/api/operations/{operation_id}` tells how it goes.
#[derive(Serialize, ToSchema)]
pub struct Queued {
    #[schema(value_type = i64)]
    pub operation_id: OperationId,
}

/// One durable job.
#[derive(Serialize, ToSchema)]
pub struct OperationBody {
    #[schema(value_type = i64)]
    operation_id: OperationId,
    /// The word of its kind, such as `launch`; a newer allocator may have more.
    kind: String,
    /// What it does, as people read it.
    title: String,
    hostnames: Vec<Hostname>,
    /// Operations of one lane take turns.
    lane: String,
    /// Must succeed before this begins.
    #[schema(value_type = Option<i64>)]
    after: Option<OperationId>,
    /// It begins at this time, or later.
    not_before: Option<Timestamp>,
    /// Which one it is a step of.
    #[schema(value_type = Option<i64>)]
    parent: Option<OperationId>,
    /// `awaiting_approval`, `queued`, `running`, `succeeded`, `failed`, `cancelled` or
    /// `interrupted`.
    state: &'static str,
    actor: String,
    /// Who approved or rejected it, and when.
    decided_by: Option<String>,
    decided_at: Option<Timestamp>,
    /// How often it was begun, and how often it is tried at most, where a failure may pass.
    attempts: i32,
    max_attempts: i32,
    /// When the attempt that runs is stopped.
    deadline: Option<Timestamp>,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    progress: ProgressBody,
    exit_code: Option<i32>,
    /// Why it failed or stopped, in plain words.
    reason: Option<String>,
}

/// Resources done, of all that are to be done; of a collection, files.
#[derive(Serialize, ToSchema)]
struct ProgressBody {
    done: i32,
    total: i32,
}

/// An operation with what it does to each VM.
#[derive(Serialize, ToSchema)]
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
    /// VMs that a cloud had no room for, in each of its attempts, oldest first. What waits to be tried
    /// again is called off with `cancel`.
    pub refusals: Vec<RefusalBody>,
    /// The same as `steps`, by its earlier name.
    pub vms: Vec<Step>,
}

/// A VM that an operation is about.
#[derive(Serialize, ToSchema)]
pub struct Target {
    hostname: Hostname,
    /// `included`, `replaced` (another machine has its place), `gone` or `left_out`.
    standing: &'static str,
    /// Why it is left out.
    reason: Option<String>,
}

/// A state of Terraform's that can't be true: nothing is launched or destroyed until it is solved.
#[derive(Serialize, ToSchema)]
pub struct ConflictBody {
    /// `empty`, `unreadable`, `other_history`, `older` or `incomplete`.
    fault: &'static str,
    /// VMs that exist, and that the state lacks.
    hostnames: Vec<Hostname>,
    solved: bool,
    /// To be posted to, for the VMs to be put back into the state; null once it is solved.
    bring_back: Option<String>,
    /// To be posted to with all of `hostnames` as `hostname`, for the VMs to be let go of.
    give_up: Option<String>,
}

impl ConflictBody {
    pub fn new(id: OperationId, conflict: Conflict) -> Self {
        let Conflict { fault, hostnames, solved } = conflict;
        let way = |name: &str| (!solved).then(|| links::do_to_operation(id, name));
        Self {
            fault: fault.as_str(),
            hostnames,
            solved,
            bring_back: way("bring-back"),
            give_up: way("give-up"),
        }
    }
}

/// A VM that a cloud had no room for, in one attempt.
#[derive(Serialize, ToSchema)]
pub struct RefusalBody {
    hostname: Hostname,
    /// Counted from 1.
    attempt: i32,
    /// As what and where it was to be made, if that is known.
    machine_type: Option<String>,
    zone: Option<String>,
    /// `capacity` (none of that type in that zone) or `quota` (of the account).
    shortage: &'static str,
    /// In plain words.
    reason: String,
    /// As what and where it is tried next; null: wherever there is room.
    next_machine_type: Option<String>,
    next_zone: Option<String>,
    at: Timestamp,
}

impl From<Refusal> for RefusalBody {
    fn from(refusal: Refusal) -> Self {
        let Refusal { hostname, attempt, place, shortage, reason, next, at } = refusal;
        let parts = |place: Option<Place>| place.map(|it| (it.machine_type, it.zone)).unzip();
        let ((machine_type, zone), (next_machine_type, next_zone)) = (parts(place), parts(next));
        let shortage = shortage.as_str();
        Self {
            hostname,
            attempt,
            machine_type,
            zone,
            shortage,
            reason,
            next_machine_type,
            next_zone,
            at,
        }
    }
}

/// How far one VM has come.
#[derive(Clone, Serialize, ToSchema)]
pub struct Step {
    hostname: Hostname,
    /// `waiting`, `creating`, `destroying`, `collecting`, `done`, `failed` or `unfinished`.
    stage: &'static str,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    detail: Option<String>,
}

/// An operation that is over, with the last lines of its log.
#[derive(Serialize, ToSchema)]
pub struct OperationOutput {
    #[serde(flatten)]
    pub operation: OperationBody,
    pub output: String,
}

#[derive(Serialize, ToSchema)]
pub struct OperationList {
    pub operations: Vec<OperationBody>,
    /// What `before` takes for the next page; null at the end.
    #[schema(value_type = Option<i64>)]
    pub next: Option<OperationId>,
}

impl From<&Operation> for OperationBody {
    fn from(operation: &Operation) -> Self {
        Self {
            operation_id: operation.id,
            kind: operation.kind.clone(),
            title: operation.title.clone(),
            hostnames: operation.hostnames.clone(),
            lane: operation.lane.as_str().to_owned(),
            after: operation.after,
            not_before: operation.not_before,
            parent: operation.parent,
            state: operation.state.as_str(),
            actor: operation.actor.clone(),
            decided_by: operation.decided.as_ref().map(|(who, _)| who.clone()),
            decided_at: operation.decided.as_ref().map(|(_, at)| *at),
            attempts: operation.attempts,
            max_attempts: operation.max_attempts,
            deadline: operation.deadline,
            created_at: operation.created_at,
            started_at: operation.started_at,
            finished_at: operation.finished_at,
            progress: ProgressBody { done: operation.done, total: operation.total },
            exit_code: operation.exit_code,
            reason: operation.reason.clone(),
        }
    }
}

impl From<operations::Target> for Target {
    fn from(target: operations::Target) -> Self {
        let (standing, reason) = match target.standing {
            Standing::Included => ("included", None),
            Standing::Replaced => ("replaced", None),
            Standing::Gone => ("gone", None),
            Standing::LeftOut(reason) => ("left_out", Some(reason)),
        };
        Self { hostname: target.hostname, standing, reason }
    }
}

impl From<operations::Step> for Step {
    fn from(step: operations::Step) -> Self {
        Self {
            hostname: step.hostname,
            stage: step.stage.as_str(),
            started_at: step.started_at,
            finished_at: step.finished_at,
            detail: step.detail,
        }
    }
}
