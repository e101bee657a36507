//! Operations as the API tells them.

use lablink_core::{
    operations::{self, Operation, OperationId, Standing},
    state::Conflict,
};
use lablink_protocol::organisers::{ConflictBody, OperationBody, ProgressBody, Step, Target};

use crate::links;

pub fn conflict(id: OperationId, conflict: Conflict) -> ConflictBody {
    let Conflict { fault, hostnames, solved } = conflict;
    let way = |name: &str| (!solved).then(|| links::do_to_operation(id, name));
    ConflictBody {
        fault: fault.as_str().to_owned(),
        hostnames,
        solved,
        bring_back: way("bring-back"),
        give_up: way("give-up"),
    }
}

pub fn operation_body(operation: &Operation) -> OperationBody {
    OperationBody {
        operation_id: operation.id.into(),
        kind: operation.kind.clone(),
        title: operation.title.clone(),
        hostnames: operation.hostnames.clone(),
        lane: operation.lane.as_str().to_owned(),
        after: operation.after.map(Into::into),
        not_before: operation.not_before,
        parent: operation.parent.map(Into::into),
        state: operation.state.as_str().to_owned(),
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

pub fn target(target: operations::Target) -> Target {
    let (standing, reason) = match target.standing {
        Standing::Included => ("included", None),
        Standing::Replaced => ("replaced", None),
        Standing::Gone => ("gone", None),
        Standing::LeftOut(reason) => ("left_out", Some(reason)),
    };
    Target { hostname: target.hostname, standing: standing.to_owned(), reason }
}

pub fn step(step: operations::Step) -> Step {
    Step {
        hostname: step.hostname,
        stage: step.stage.as_str().to_owned(),
        started_at: step.started_at,
        finished_at: step.finished_at,
        detail: step.detail,
    }
}
