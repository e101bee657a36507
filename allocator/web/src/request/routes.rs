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
    vms,
};
use lablink_protocol::{CrdCode, CrdCommandError, Hostname};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    page::{OwnPage, RequestField, RequestPage, RequestProblem},
    posted::{Posted, Unmet},
};
use crate::{
    AppState,
    auth::Caller,
    claims::routes as claim,
    http::{Client, Problem, Scheme, Wants},
    line::routes::path as line_path,
    metrics,
};

/// The form with which a participant asks for a VM.
#[utoipa::path(get, path = "/", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn form(
    State(state): State<AppState>,
    Caller(scope): Caller,
    client: Client,
    cookies: CookieJar,
) -> Result<(CookieJar, Html<String>), Problem> {
    let mut page = filled(&state, &scope, RequestVm::default(), None).await?;
    page.own = match cookies.get(claim::COOKIE) {
        Some(cookie) => own(&state, &scope, &Token::presented(cookie.value())).await?,
        None => None,
    };
    let cookies = state.browsers.meet(cookies, scheme(&origin(&state, &client)));
    Ok((cookies, Html(page.render()?)))
}

/// What the holder of a token has at the moment.
async fn own(state: &AppState, scope: &Scope, token: &Token) -> Result<Option<OwnPage>, Problem> {
    let claimed = claims::by_link(&state.db, token).await?;
    if claimed.is_some_and(|claim| matches!(claim.progress, Progress::Open { .. })) {
        return Ok(Some(OwnPage::Machine(claim::path(token))));
    }
    let place = line::look(scope, token).await?;
    let open = place.is_some_and(|standing| !matches!(standing, Standing::Over(_)));
    Ok(open.then(|| OwnPage::PlaceInLine(line_path(token))))
}

/// How many VMs are free.
#[derive(Serialize, ToSchema)]
pub struct FreeCount {
    #[schema(minimum = 0)]
    count: i64,
}

/// How many VMs can be claimed now.
#[utoipa::path(get, path = "/api/unassigned_vms_count", responses((status = 200, body = FreeCount)))]
pub async fn free_count(Caller(scope): Caller) -> Result<Json<FreeCount>, Problem> {
    Ok(Json(FreeCount { count: free(&scope).await? }))
}

async fn free(scope: &Scope) -> Result<i64, Problem> {
    Ok(vms::free(scope).await?)
}

#[derive(Default, Deserialize, ToSchema)]
pub struct RequestVm {
    #[serde(default)]
    #[schema(
        required,
        max_length = 254,
        pattern = r"^[A-Za-z0-9]{1,40}@[a-z0-9]{1,40}\.(org|edu)$"
    )]
    pub email: String,
    /// The command that Chrome Remote Desktop shows for Debian Linux.
    #[serde(default)]
    #[schema(
        required,
        max_length = 4096,
        pattern = r"^start-host --code=[A-Za-z0-9_/][A-Za-z0-9_/-]{0,99}$"
    )]
    pub crd_command: String,
    /// What the organiser gave out, if the form asks for it.
    #[serde(default)]
    pub access_code: String,
}

/// The VM that was claimed.
#[derive(Serialize, ToSchema)]
pub struct Claimed {
    #[schema(value_type = String)]
    hostname: Hostname,
    pin: String,
    /// The claim's own page: who has this link has the VM.
    claim_url: String,
}

/// Gives the participant a VM, or their own again.
#[utoipa::path(post, path = "/api/request_vm", request_body(content((RequestVm = "application/x-www-form-urlencoded"), (RequestVm = "application/json"))),
    responses((status = 200, description = "Back in: it was theirs already.", body = Claimed), (status = 201, body = Claimed), (status = 303, description = "To a browser: the claim's page.")))]
pub async fn request_vm(posted: Posted) -> Result<Response, Problem> {
    let met = claim_vm(&posted).await;
    posted.answer(met).await
}

async fn claim_vm(posted: &Posted) -> Result<Response, Unmet> {
    let code = CrdCode::from_command(&posted.typed.crd_command);
    let email = posted.person(code.as_ref().ok()).await?;
    let code = code.map_err(|error: CrdCommandError| {
        Unmet::invalid(RequestField::CrdCommand, error.to_string())
    })?;
    let state = &posted.state;
    let neighbours = Neighbours::of(posted.client.address);
    let request = Request {
        email: &email,
        code: &code,
        proof: posted.token().map(Proof),
        neighbours: &neighbours,
        key: posted.key.clone(),
    };
    let granted = claims::request(&posted.scope, &request).await;
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
            let origin = origin(state, &posted.client);
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
        Err(RequestError::Refused(Refusal::AddressFull)) => Err(address_full()),
        Err(RequestError::Refused(Refusal::NoneFree)) => {
            let message = "No available VMs. Please try again later.";
            let answer = Problem::try_again("none_free", message, 10);
            Err(Unmet::Refused(RequestProblem::NoneFree, answer))
        }
    }
}

fn grant(wants: Wants, origin: &str, cookies: CookieJar, granted: &Granted) -> Response {
    let path = claim::path(&granted.link);
    let cookies = cookies.add(claim::cookie(&granted.link, scheme(origin)));
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

pub fn scheme(origin: &str) -> Scheme {
    if origin.starts_with("https:") { Scheme::Https } else { Scheme::Http }
}

/// Where the caller reaches us: as configured, else as it called us.
pub fn origin(state: &AppState, client: &Client) -> String {
    let scheme = match client.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let called = || client.host.as_ref().map(|host| format!("{scheme}://{host}"));
    state.settings.public_url.clone().or_else(called).unwrap_or_default()
}

/// As many people as may come from one network address have come.
pub fn address_full() -> Unmet {
    let answer = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "address_full",
        "Your network has, or waits for, as many machines as one network may. Ask your organiser.",
    );
    Unmet::Refused(RequestProblem::AddressFull, answer)
}

pub async fn filled(
    state: &AppState,
    scope: &Scope,
    typed: RequestVm,
    problem: Option<RequestProblem>,
) -> Result<RequestPage, Problem> {
    let RequestVm { email, crd_command, access_code } = typed;
    Ok(RequestPage {
        free: free(scope).await?,
        waiting: line::count(scope).await?,
        own: None,
        email,
        crd_command,
        access_code: state.pool.rules.claiming.access_code.map(|_| access_code),
        problem,
    })
}
