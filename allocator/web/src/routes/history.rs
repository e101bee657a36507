//! The pool's history: every change with who made it, by id.

use axum::{
    Json,
    extract::{Query, State},
};
use lablink_core::events::{self, Entry};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AppState, http::Problem, pages::Happening};

const PER_PAGE: i64 = 100;

#[derive(Deserialize)]
pub struct Before {
    before: Option<i64>,
}

/// The newest first; `next` leads to the older ones.
pub async fn list(
    State(state): State<AppState>,
    Query(Before { before }): Query<Before>,
) -> Result<Json<Value>, Problem> {
    let entries = events::recent(&state.db, state.pool, before, PER_PAGE).await?;
    let full = i64::try_from(entries.len()).unwrap_or(0) == PER_PAGE;
    let next = entries.last().map(|last| last.id).filter(|_| full);
    let entries: Vec<Value> = entries.iter().map(wire).collect();
    Ok(Json(json!({ "events": entries, "next": next })))
}

fn wire(entry: &Entry) -> Value {
    json!({
        "event_id": entry.id,
        "at": entry.at,
        "actor": entry.actor,
        "kind": entry.kind,
        "hostname": entry.hostname,
        "data": entry.data,
    })
}

/// The entry in words.
pub(super) fn happening(entry: Entry) -> Happening {
    let vm = entry.hostname.as_deref().unwrap_or("a VM");
    let text = |key: &str| entry.data[key].as_str().unwrap_or("unknown").to_owned();
    let sentence = match entry.kind.as_str() {
        "claim.created" => format!("{vm} was claimed"),
        "claim.reentry_requested" => {
            format!("Somebody who knew only the e-mail asked for {vm}, and was refused")
        }
        "claim.command_replaced" => format!("{vm} got a new command"),
        "claim.connected" => format!("{vm} is ready for its participant"),
        "claim.failed" => format!("{vm} could not use its command: {}", text("detail")),
        "claim.released" => format!("The claim of {vm} ended ({})", text("reason")),
        "vm.requested" => format!("{vm} was asked for"),
        "vm.enrolled" => format!("{vm} enrolled"),
        "vm.status_changed" => format!("{vm} went from {} to {}", text("from"), text("to")),
        "vm.use_started" => format!("The software on {vm} was started"),
        "vm.use_ended" => format!("The software on {vm} was ended"),
        "vm.gpu_changed" => match entry.data["reason"].as_str() {
            Some(reason) => format!("{vm}: GPU {}: {reason}", text("to")),
            None => format!("{vm}: GPU {}", text("to")),
        },
        "vm.removed" => format!("{vm} is gone"),
        "vm.adopted" => format!("{vm} was found without a record, and got one"),
        "operation.queued" => format!("A {} was asked for", text("kind")),
        "operation.cancel_requested" => "An operation was cancelled".to_owned(),
        "operation.finished" => format!("A {} {}", text("kind"), text("state")),
        other => format!("{other}: {vm}"),
    };
    Happening { at: entry.at, text: sentence, actor: entry.actor }
}
