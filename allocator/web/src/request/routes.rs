use askama::Template;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use lablink_core::{
    DbError, Neighbours, Scope, Token,
    claims::{self, Granted, Progress, Proof, Refusal, Request, RequestError},
    line::{self, Standing},
};
use lablink_protocol::{CrdCommandError, Hostname};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{RequestVm, filled, free},
    page::{OwnPage, RequestField, RequestProblem},
    posted::{Posted, Unmet},
};
use crate::{
    AppState,
    auth::Caller,
    claims::cookie::{COOKIE, cookie},
    http::{Client, Problem, Scheme, Wants},
    links, metrics,
    states::asks_command::AsksCommand,
};

/// The form with which a participant asks for a VM.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn form(
    State(state): State<AppState>,
    Caller(scope): Caller,
    client: Client,
    cookies: CookieJar,
) -> Result<(CookieJar, Html<String>), Problem> {
    let mut page = filled(&state, &scope, RequestVm::default(), None).await?;
    page.own = match cookies.get(COOKIE) {
        Some(cookie) => own(&state, &scope, &Token::presented(cookie.value())).await?,
        None => None,
    };
    let cookies = state.browsers.meet(cookies, Scheme::of(&state.origin(&client)));
    Ok((cookies, Html(page.render()?)))
}

/// What the holder of a token has at the moment.
async fn own(state: &AppState, scope: &Scope, token: &Token) -> Result<Option<OwnPage>, Problem> {
    let claimed = claims::by_link(&state.db, token).await?;
    if claimed.is_some_and(|claim| matches!(claim.progress, Progress::Open { .. })) {
        return Ok(Some(OwnPage::Machine(links::claim(token))));
    }
    let place = line::look(scope, token).await?;
    let open = place.is_some_and(|standing| !matches!(standing, Standing::Over(_)));
    Ok(open.then(|| OwnPage::PlaceInLine(links::place(token))))
}

/// How many VMs are free.
#[derive(Serialize, ToSchema)]
pub struct FreeCount {
    #[schema(minimum = 0)]
    count: i64,
}

/// How many VMs can be claimed now.
#[utoipa::path(get, path = "", responses((status = 200, body = FreeCount)))]
pub async fn free_count(Caller(scope): Caller) -> Result<Json<FreeCount>, Problem> {
    Ok(Json(FreeCount { count: free(&scope).await? }))
}

/// The VM that was claimed.
#[derive(Serialize, ToSchema)]
pub struct Claimed {
    #[schema(value_type = String)]
    hostname: Hostname,
    pin: String,
    /// The claim's own page. Its link is the right to the VM.
    claim_url: String,
}

/// Gives the participant a VM, or their own again.
#[utoipa::path(post, path = "", request_body(content((RequestVm = "application/x-www-form-urlencoded"), (RequestVm = "application/json"))),
    responses((status = 200, description = "Back in: it was theirs already.", body = Claimed), (status = 201, body = Claimed), (status = 303, description = "To a browser: the claim's page.")))]
pub async fn request_vm(posted: Posted) -> Result<Response, Problem> {
    let met = claim_vm(&posted).await;
    posted.answer(met).await
}

async fn claim_vm(posted: &Posted) -> Result<Response, Unmet> {
    let state = &posted.state;
    let asks = AsksCommand::of(state.pool.rules().claiming.desktop);
    let code = asks.read(&posted.typed.crd_command);
    let email = posted.person(code.as_ref().ok().and_then(Option::as_ref)).await?;
    let code = code.map_err(|error: CrdCommandError| {
        Unmet::invalid(RequestField::CrdCommand, error.to_string())
    })?;
    let neighbours = Neighbours::of(posted.client.address);
    let request = Request {
        email: &email,
        code: code.as_ref(),
        proof: posted.token().map(Proof),
        neighbours: &neighbours,
        key: posted.key.clone(),
    };
    let granted = claims::request(&posted.scope, &state.intake, &request).await;
    metrics::claim_answered(match &granted {
        Ok(granted) if granted.is_new => "granted",
        Ok(_) => "back_in",
        Err(RequestError::Refused(Refusal::AlreadyClaimed)) => "already_claimed",
        Err(RequestError::Refused(Refusal::Invited)) => "invited",
        Err(RequestError::Refused(Refusal::AddressFull)) => "address_full",
        Err(RequestError::Refused(Refusal::NoneFree)) => "none_free",
        Err(RequestError::Refused(Refusal::Over)) => "over",
        Err(RequestError::Db(_)) => "error",
    });
    match granted {
        Ok(granted) => {
            let origin = state.origin(&posted.client);
            Ok(grant(posted.wants, &origin, posted.cookies.clone(), &granted))
        }
        Err(RequestError::Db(error @ DbError::KeyReused)) => {
            Err(Unmet::Refused(RequestProblem::SentBefore, error.into()))
        }
        Err(RequestError::Db(error)) => Err(error.into()),
        Err(RequestError::Refused(Refusal::Over)) => {
            let message = "The VM that this request got was given back or taken since. Ask with a \
                           fresh key for another one.";
            let answer = Problem::conflict("claim_over", message);
            Err(Unmet::Refused(RequestProblem::SentBefore, answer))
        }
        Err(RequestError::Refused(Refusal::AlreadyClaimed)) => {
            let answer = Problem::conflict(
                "already_claimed",
                "This e-mail already has a VM. Open its link, come back with the browser you \
                 used, or send the same command again; else ask your organiser to release it.",
            );
            Err(Unmet::Refused(RequestProblem::AlreadyClaimed, answer))
        }
        Err(RequestError::Refused(Refusal::Invited)) => {
            let answer = Problem::conflict(
                "already_in_line",
                "Your organiser keeps a machine for this e-mail: open the link that you got.",
            );
            Err(Unmet::Refused(RequestProblem::Invited, answer))
        }
        Err(RequestError::Refused(Refusal::AddressFull)) => Err(Unmet::address_full()),
        Err(RequestError::Refused(Refusal::NoneFree))
            if code.is_none() && free(&posted.scope).await.is_ok_and(|free| free > 0) =>
        {
            let message = "The machines that are free show no desktop in a browser. Send a command \
                           of Chrome Remote Desktop, as crd_command.";
            let answer = Problem::conflict("command_needed", message);
            Err(Unmet::Refused(RequestProblem::NeedsCommand, answer))
        }
        Err(RequestError::Refused(Refusal::NoneFree)) => {
            let message = "No available VMs. Please try again later.";
            let answer = Problem::try_again("none_free", message, 10);
            Err(Unmet::Refused(RequestProblem::NoneFree, answer))
        }
    }
}

fn grant(wants: Wants, origin: &str, cookies: CookieJar, granted: &Granted) -> Response {
    let path = links::claim(&granted.link);
    let cookies = cookies.add(cookie(&granted.link, Scheme::of(origin)));
    match wants {
        Wants::Page => (cookies, Redirect::to(&path)).into_response(),
        Wants::Json => {
            let status = if granted.is_new { StatusCode::CREATED } else { StatusCode::OK };
            let body = Claimed {
                hostname: granted.hostname.clone(),
                pin: granted.pin.reveal().to_owned(),
                claim_url: format!("{origin}{path}"),
            };
            (status, cookies, Json(body)).into_response()
        }
    }
}
