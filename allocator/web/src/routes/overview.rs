use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::{events, operations, vms};

use super::{history::happening, operations::summary};
use crate::{
    AgentAuth, AppState,
    http::Problem,
    pages::{AdminPage, PoolCounts},
};

const OPERATIONS_SHOWN: i64 = 5;
const HAPPENINGS_SHOWN: i64 = 8;

/// The pool at a glance.
#[utoipa::path(get, path = "/admin", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(State(state): State<AppState>) -> Result<Html<String>, Problem> {
    let counts = vms::counts(&state.db, state.pool, state.settings.stale_after).await?;
    let recent = operations::recent(&state.db, state.pool, None, OPERATIONS_SHOWN).await?;
    let happened = events::recent(&state.db, state.pool, None, HAPPENINGS_SHOWN).await?;
    let mut notes = Vec::new();
    if state.settings.agent_auth == AgentAuth::Open {
        notes.push(
            "Agents need no token (LABLINK_AGENT_AUTH=open): anybody who reaches this address can \
             speak for a VM and fetch its command and PIN."
                .to_owned(),
        );
    }
    let page = AdminPage {
        pool: PoolCounts {
            free: counts.free,
            claimed: counts.claimed,
            in_use: counts.in_use,
            starting: counts.starting,
            attention: counts.attention,
        },
        operations: recent.iter().map(summary).collect(),
        happenings: happened.into_iter().map(happening).collect(),
        notes,
        now: Timestamp::now(),
    };
    Ok(Html(page.render()?))
}
