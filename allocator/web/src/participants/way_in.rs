//! What an organiser does when somebody else has a claim, or may have it.

use std::slice;

use askama::Template;
use axum::{
    Json,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use lablink_core::{
    claims::{self, ClaimId, Holding, LockOut},
    collections, operations, vms,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::way_in_page::{LockingOut, NewLinkPage, WayIn, WayInPage};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{Client, Path, Problem, Wants},
    links,
    states::afterwards::Afterwards,
};

/// Three ways to let the right person in, each with what it ends.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<ClaimId>,
) -> Result<Html<String>, Problem> {
    let holding = claims::holding(&scope, id).await?.ok_or_else(no_such_claim)?;
    let vm = vms::find(&scope, &holding.hostname).await?;
    // What goes back as it is after other claims is held after this one.
    let afterwards = |vm| match Afterwards::of(vm, state.pool.rules().machines.after_use) {
        Afterwards::Reused => Afterwards::Held,
        other => other,
    };
    let page = WayInPage {
        claim_id: id.into(),
        locking_out: standing(&holding),
        afterwards: vm.as_ref().map_or(Afterwards::Held, afterwards),
        last: collections::last_whole(&scope, slice::from_ref(&holding.hostname))
            .await?
            .remove(&holding.hostname),
        email: holding.email,
        hostname: holding.hostname.to_string(),
        now: jiff::Timestamp::now(),
    };
    Ok(Html(page.render()?))
}

fn standing(holding: &Holding) -> LockingOut {
    match holding.lock_out {
        Some(LockOut::Asked) => LockingOut::UnderWay,
        Some(LockOut::Ended) => LockingOut::Done,
        None if holding.agent_locks_out => LockingOut::Possible,
        None => LockingOut::Impossible,
    }
}

/// A link that opens somebody's claim, alone.
#[derive(Serialize, ToSchema)]
pub struct NewLink {
    claim_url: String,
}

/// A link that opens somebody's place in line, and their claim after it.
#[derive(Serialize, ToSchema)]
pub struct NewPlace {
    place_url: String,
}

/// Makes a link into an open claim, for the organiser to hand on. Earlier links, cookies and the
/// command no longer open it; desktop and PIN stay as they are.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 200, content((NewLink = "application/json"), (String = "text/html")))))]
pub async fn link(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    client: Client,
    Path(id): Path<ClaimId>,
) -> Result<Response, Problem> {
    let made = claims::issue_link(&scope, id).await?;
    let made = made.ok_or_else(no_such_claim)?;
    into_claim(&state.origin(&client), wants, (id, WayIn::Link), made)
}

/// Makes a new link into an open claim, and has its agent end the desktop. The claim gets another
/// PIN and waits for a new command.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 200, content((NewLink = "application/json"), (String = "text/html")))))]
pub async fn lock_out(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    client: Client,
    Path(id): Path<ClaimId>,
) -> Result<Response, Problem> {
    let made = claims::lock_out(&scope, id).await?;
    into_claim(&state.origin(&client), wants, (id, WayIn::LockOut), made)
}

/// Ends a claim and has its machine made anew, and gives its person the first place in line.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 200, content((NewPlace = "application/json"), (String = "text/html")))))]
pub async fn fresh_machine(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    client: Client,
    Path(id): Path<ClaimId>,
) -> Result<Response, Problem> {
    let invited = operations::give_fresh_machine(&scope, id).await?;
    let url = format!("{}{}", state.origin(&client), links::place(&invited.link));
    let (email, hostname) = (invited.email, invited.before.to_string());
    let body = NewPlace { place_url: url.clone() };
    let page = NewLinkPage { claim_id: id.into(), email, hostname, url, way: WayIn::Fresh };
    answer(wants, &page, body)
}

fn into_claim(
    origin: &str,
    wants: Wants,
    (id, way): (ClaimId, WayIn),
    made: claims::NewLink,
) -> Result<Response, Problem> {
    let url = format!("{origin}{}", links::claim(&made.link));
    let (email, hostname) = (made.email, made.hostname.to_string());
    let body = NewLink { claim_url: url.clone() };
    answer(wants, &NewLinkPage { claim_id: id.into(), email, hostname, url, way }, body)
}

fn answer(wants: Wants, page: &NewLinkPage, body: impl Serialize) -> Result<Response, Problem> {
    Ok(match wants {
        Wants::Json => Json(body).into_response(),
        Wants::Page => Html(page.render()?).into_response(),
    })
}

fn no_such_claim() -> Problem {
    Problem::not_found("This claim is over, or never was. Look at the list again.")
}
