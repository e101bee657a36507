use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use lablink_core::{
    Token,
    claims::{self, ClaimView, Given, Progress, ReleaseReason},
    operations::{self, TakeBack, TakeBackError, Then, Whose},
    vms,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::{ClaimPage, ClaimReturnPage, ClaimState, CommandForm, Way};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Path, Problem, Wants},
    links,
    states::{afterwards::Afterwards, asks_command::AsksCommand, claim::Connection},
};

/// The page of one claim: hostname, PIN and how connecting goes.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Html<String>, Problem> {
    let claim = find(&state, &link).await?;
    Ok(Html(filled(&state, &link, claim, CommandForm::default()).render()?))
}

#[derive(Deserialize, ToSchema)]
pub struct GiveCommand {
    /// A new command of Chrome Remote Desktop. Without one, the desktop in the tab is started again.
    #[serde(default)]
    #[schema(
        max_length = 4096,
        pattern = r"^start-host --code=[A-Za-z0-9_/][A-Za-z0-9_/-]{0,99}$"
    )]
    pub crd_command: String,
}

/// Tries another command on the participant's own VM.
#[utoipa::path(post, path = "", params(("link" = String, Path)), request_body(content((GiveCommand = "application/x-www-form-urlencoded"), (GiveCommand = "application/json"))), responses((status = 303, description = "Taken: the claim's page tells how it goes.")))]
pub async fn give_command(
    State(state): State<AppState>,
    Path(link): Path<String>,
    Asking(scope): Asking,
    wants: Wants,
    FormOrJson(GiveCommand { crd_command }): FormOrJson<GiveCommand>,
) -> Result<Response, Problem> {
    let code = match asks(&state, &link).await?.read(&crd_command) {
        Ok(code) => code,
        Err(error) => {
            let answer = Problem::invalid(error.to_string());
            if wants == Wants::Json {
                return Err(answer);
            }
            let claim = find(&state, &link).await?;
            let form = CommandForm { crd_command, error: Some(error.to_string()) };
            return Ok(answer.with_page(filled(&state, &link, claim, form).render()?));
        }
    };
    let token = Token::presented(&link);
    let given = claims::give_command(&scope, &token, code.as_ref()).await?;
    if given == Given::NoClaim {
        // Over, if it is one at all: its page says how.
        find(&state, &link).await?;
    }
    match given {
        Given::NoClaim if wants == Wants::Json => {
            let message = "This machine is no longer yours. Ask for another one.";
            Err(Problem::conflict("claim_over", message))
        }
        Given::LockingOut => {
            let message = "The old desktop has not closed yet. Send the command in a moment.";
            Err(Problem::conflict("locking_out", message))
        }
        Given::Taken | Given::NoClaim => Ok(Redirect::to(&links::claim(&token)).into_response()),
    }
}

/// Asks before the machine is given back.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/html", body = String), (status = 303, description = "It is over already.")))]
pub async fn return_page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let claim = find(&state, &link).await?;
    let path = links::claim(&Token::presented(&link));
    if matches!(claim.progress, Progress::Over { .. }) {
        return Ok(Redirect::to(&path).into_response());
    }
    let vm = vms::find(&scope, &claim.hostname).await?;
    let page = ClaimReturnPage {
        link: Token::presented(&link),
        hostname: claim.hostname.to_string(),
        afterwards: vm.map_or(Afterwards::Held, |vm| {
            Afterwards::of(&vm, state.pool.rules().machines.after_use)
        }),
    };
    Ok(Html(page.render()?).into_response())
}

/// The participant gives the VM back: a fresh one takes its place.
#[utoipa::path(post, path = "", params(("link" = String, Path)), responses((status = 303, description = "To the claim's page.")))]
pub async fn give_back(
    State(state): State<AppState>,
    Asking(scope): Asking,
    Path(link): Path<String>,
) -> Result<Redirect, Problem> {
    let claim = find(&state, &link).await?;
    let wish = TakeBack {
        hostname: &claim.hostname,
        whose: Whose::Claim(claim.id),
        reason: ReleaseReason::Returned,
        then: Then::Replace,
    };
    match operations::take_back(&scope, &wish).await {
        // Over already, as after a double click: the page says how.
        Ok(_) | Err(TakeBackError::NotClaimed | TakeBackError::NoSuchVm) => {
            Ok(Redirect::to(&links::claim(&Token::presented(&link))))
        }
        Err(TakeBackError::Db(error)) => Err(error.into()),
    }
}

pub async fn find(state: &AppState, link: &str) -> Result<ClaimView, Problem> {
    let link = Token::presented(link);
    if let Some(claim) = claims::by_link(&state.db, &link).await? {
        return Ok(claim);
    }
    Err(if claims::was_revoked(&state.db, &link).await? { revoked() } else { no_claim() })
}

/// What the claim's desktop is started with.
async fn asks(state: &AppState, link: &str) -> Result<AsksCommand, Problem> {
    let claim = find(state, link).await?;
    Ok(match Way::of(state.pool.rules().claiming.desktop, &claim.progress) {
        Way::Command => AsksCommand::Always,
        Way::Either => AsksCommand::WhoLikes,
        Way::Tab => AsksCommand::Never,
    })
}

fn revoked() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "link_replaced",
        "This link opens nothing any more: your organiser has made a new one for this machine. If \
         you did not get it, ask your organiser.",
    )
}

fn no_claim() -> Problem {
    Problem::not_found(
        "This link belongs to no machine: it was not copied whole, or the machine is gone and its \
         records with it. Check the link, or ask for another machine on the start page; your \
         organiser can say what became of the old one.",
    )
}

fn filled(state: &AppState, link: &str, claim: ClaimView, command: CommandForm) -> ClaimPage {
    let way = Way::of(state.pool.rules().claiming.desktop, &claim.progress);
    let state = match claim.progress {
        Progress::Open { pin, state, detail, machine, taken_back_at, .. } => ClaimState::Held {
            way,
            pin: pin.reveal().to_owned(),
            machine,
            taken_back_at,
            connection: Connection::of(state, detail),
            command,
        },
        Progress::Over { reason } => ClaimState::Ended(reason),
    };
    ClaimPage {
        link: Token::presented(link),
        hostname: claim.hostname.to_string(),
        claimed_at: claim.created_at,
        moved_from: claim.moved_from.map(|hostname| hostname.to_string()),
        state,
    }
}
