use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::{Db, claims, events, line, operations, startup, usage, vms};

use super::{
    page::{AdminPage, DatabaseConnections, PoolCounts},
    usage::{UsageChart, UsageSample},
};
use crate::{
    AgentAuth, AppState,
    auth::Caller,
    history::happening::Happening,
    http::Problem,
    line::place_row::PlaceRow,
    operations::summary::OperationSummary,
    pages::{Timeline, TimelineRow},
};

const OPERATIONS_SHOWN: i64 = 5;
const HAPPENINGS_SHOWN: i64 = 8;

const PLACES_SHOWN: u16 = 5;
const STARTS_SHOWN: i64 = 10;
/// Twelve hours.
const SAMPLES: u16 = 49;

/// The pool at a glance.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
) -> Result<Html<String>, Problem> {
    let counts = vms::counts(&scope).await?;
    let recent = operations::recent(&scope, None, OPERATIONS_SHOWN).await?;
    let happened = events::recent(&scope, None, HAPPENINGS_SHOWN).await?;
    let starts = startup::recent(&scope, STARTS_SHOWN).await?;
    let usage = usage::samples(&scope, SAMPLES).await?;
    let mut notes = Vec::new();
    if state.settings.agent_auth == AgentAuth::Open {
        notes.push(
            "Agents need no token (LABLINK_AGENT_AUTH=open). Anybody who reaches this address, \
             earlier participants too, can speak for a VM whose agent shows none, as original \
             clients do, and fetch its command and PIN."
                .to_owned(),
        );
    }
    notes.extend(state.open_form().map(str::to_owned));
    let page = AdminPage {
        pool: PoolCounts {
            free: counts.free,
            claimed: counts.claimed,
            in_use: counts.in_use,
            starting: counts.starting,
            unhealthy: counts.unhealthy,
            overdue: counts.overdue,
            stale: counts.stale,
            suspect: counts.suspect,
            barred: counts.barred,
            ending: counts.ending,
            failed: counts.failed,
            in_line: line::count(&scope).await? + counts.offered,
        },
        line: PlaceRow::first(&scope, PLACES_SHOWN).await?,
        reentries: claims::reentries(&scope).await?.len(),
        usage: UsageChart { samples: usage.iter().map(sample).collect() },
        timeline: Timeline { rows: starts.iter().map(TimelineRow::from).collect() },
        operations: recent.iter().map(OperationSummary::of).collect(),
        happenings: happened.into_iter().map(Happening::from).collect(),
        connections: connections(&state).await?,
        notes,
        now: Timestamp::now(),
    };
    Ok(Html(page.render()?))
}

async fn connections(state: &AppState) -> Result<DatabaseConnections, Problem> {
    let own = [&state.db, &state.hand_over_db, &state.agents_db].map(Db::connections);
    let server = state.db.sessions().await?;
    Ok(DatabaseConnections {
        used: own.iter().map(|pool| pool.open.saturating_sub(pool.idle)).sum(),
        most: own.iter().map(|pool| pool.most).sum(),
        server_open: server.open,
        server_most: server.most,
    })
}

fn sample(sample: &usage::Sample) -> UsageSample {
    UsageSample {
        at: sample.at,
        claimed: sample.claimed,
        in_use: sample.in_use,
        healthy: sample.healthy,
        degraded: sample.degraded,
        unhealthy: sample.unhealthy,
    }
}
