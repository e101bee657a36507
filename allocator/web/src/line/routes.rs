//! The waiting line, as those who stand in it see it.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};
use lablink_core::{
    DbError, Neighbours, Scope, Token,
    line::{self, ClaimKept, EndReason, JoinError, Joined, Person, Presented, Standing},
};
use utoipa::ToSchema;

use super::page::{LineEnd, LinePage, LineState};
use crate::{
    AppState,
    auth::Caller,
    claims::{cookie::cookie, page::CommandForm, routes::GiveCommand},
    http::{FormOrJson, Path, Problem, Scheme},
    links, metrics,
    request::{
        page::RequestProblem,
        posted::{Posted, Unmet},
    },
    states::asks_command::AsksCommand,
};

/// The fields of [`RequestVm`] that a place in line needs: the command comes later.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct JoinLine {
    #[schema(max_length = 254, pattern = r"^[A-Za-z0-9]{1,40}@[a-z0-9]{1,40}\.(org|edu)$")]
    email: String,
    /// What the organiser gave out, if the form asks for it.
    #[schema(required = false)]
    access_code: String,
}

/// Gives the participant a place in line, or leads back to what they have.
#[utoipa::path(post, path = "", request_body(content((JoinLine = "application/x-www-form-urlencoded"), (JoinLine = "application/json"))), responses((status = 303, description = "To the place's page, or to the VM that the person has.")))]
pub async fn join(posted: Posted) -> Result<Response, Problem> {
    let met = take_place(&posted).await;
    posted.answer(met).await
}

async fn take_place(posted: &Posted) -> Result<Response, Unmet> {
    let email = posted.person(None).await?;
    let presented = Presented { token: posted.token(), key: posted.key.clone() };
    let Posted { state, scope, client, cookies, .. } = posted;
    let neighbours = &Neighbours::of(client.address);
    let person = Person { email: &email, neighbours };
    let joined = line::join(scope, person, presented).await;
    let (problem, code) = match joined {
        Ok(Joined::HoldsVm(token)) => {
            return Ok(Redirect::to(&links::claim(&token)).into_response());
        }
        Ok(Joined::Place(token)) => {
            metrics::claim_answered("in_line");
            let scheme = Scheme::of(&state.origin(client));
            let cookies = cookies.clone().add(cookie(&token, scheme));
            return Ok((cookies, Redirect::to(&links::place(&token))).into_response());
        }
        Err(JoinError::AlreadyClaimed) => (RequestProblem::AlreadyClaimed, "already_claimed"),
        Err(JoinError::AlreadyInLine) => (RequestProblem::AlreadyInLine, "already_in_line"),
        Err(JoinError::AddressFull) => {
            metrics::claim_answered("address_full");
            return Err(Unmet::address_full());
        }
        Err(JoinError::Db(error @ DbError::KeyReused)) => {
            return Err(Unmet::Refused(RequestProblem::SentBefore, error.into()));
        }
        Err(JoinError::Db(error)) => return Err(error.into()),
    };
    let answer = Problem::conflict(code, "This e-mail has a VM or a place in line already.");
    Err(Unmet::Refused(problem, answer))
}

/// The place's own page. Its link is the right to the place.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/html", body = String), (status = 303, description = "To the claim's page.")))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let standing = find(&scope, &link).await?;
    if matches!(standing, Standing::Over(EndReason::Claimed)) {
        let token = Token::presented(&link);
        // Claimed with this place, or elsewhere with the same e-mail.
        return Ok(match lablink_core::claims::by_link(&state.db, &token).await? {
            Some(_) => Redirect::to(&links::claim(&token)).into_response(),
            None => Html(filled(&scope, &link, &standing, CommandForm::default()).render()?)
                .into_response(),
        });
    }
    Ok(Html(filled(&scope, &link, &standing, CommandForm::default()).render()?).into_response())
}

/// Takes the VM that is kept for this place.
#[utoipa::path(post, path = "", params(("link" = String, Path)), request_body(content((GiveCommand = "application/x-www-form-urlencoded"), (GiveCommand = "application/json"))), responses((status = 303, description = "To the claim's page.")))]
pub async fn claim(
    Caller(scope): Caller,
    Path(link): Path<String>,
    FormOrJson(GiveCommand { crd_command }): FormOrJson<GiveCommand>,
) -> Result<Response, Problem> {
    let standing = find(&scope, &link).await?;
    let code = match asks(&scope, &standing).read(&crd_command) {
        Ok(code) => code,
        Err(error) => {
            let form = CommandForm { crd_command, error: Some(error.to_string()) };
            let page = filled(&scope, &link, &standing, form).render()?;
            return Ok(Problem::invalid(error.to_string()).with_page(page));
        }
    };
    let token = Token::presented(&link);
    let claimed = line::claim(&scope, &token, code.as_ref()).await?;
    Ok(Redirect::to(&match claimed {
        ClaimKept::Claimed(_) => {
            metrics::claim_answered("granted");
            links::claim(&token)
        }
        ClaimKept::NothingKept => links::place(&token),
    })
    .into_response())
}

/// Gives the place up.
#[utoipa::path(post, path = "", params(("link" = String, Path)), responses((status = 303, description = "Given up.")))]
pub async fn leave(Caller(scope): Caller, Path(link): Path<String>) -> Result<Redirect, Problem> {
    find(&scope, &link).await?;
    let token = Token::presented(&link);
    line::leave(&scope, &token).await?;
    Ok(Redirect::to(&links::place(&token)))
}

pub async fn find(scope: &Scope, link: &str) -> Result<Standing, Problem> {
    let standing = line::look(scope, &Token::presented(link)).await?;
    standing.ok_or_else(no_place)
}

fn no_place() -> Problem {
    Problem::not_found(
        "This link belongs to no place in line: it was not copied whole, or its records are gone. \
         Check the link, or ask for a machine on the start page.",
    )
}

/// What the kept machine needs.
fn asks(scope: &Scope, standing: &Standing) -> AsksCommand {
    match standing {
        Standing::Offered { offers_desktop: true, .. } => {
            AsksCommand::of(scope.pool.rules().claiming.desktop)
        }
        _ => AsksCommand::Always,
    }
}

fn filled(scope: &Scope, link: &str, standing: &Standing, command: CommandForm) -> LinePage {
    let state = match standing.clone() {
        Standing::Waiting { ahead, waiting, expected_seconds } => {
            LineState::Waiting { ahead, waiting, expected_seconds }
        }
        Standing::Offered { hostname, until, .. } => {
            let asks = asks(scope, standing);
            LineState::Offered { hostname: hostname.to_string(), until, asks, command }
        }
        Standing::Over(reason) => LineState::Over(match reason {
            EndReason::Claimed => LineEnd::Claimed,
            EndReason::Left => LineEnd::Left,
            EndReason::Removed => LineEnd::Removed,
            EndReason::Lapsed => LineEnd::Lapsed,
        }),
    };
    LinePage { link: Token::presented(link), state }
}
