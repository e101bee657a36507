//! Endpoints of our own agents, in addition to the original's.

use axum::{
    Json as JsonAnswer,
    extract::{Extension, State},
};
use lablink_core::{Action, Token, agents, claims, collections, vms};
use lablink_protocol::{
    BrowserDesktop, ClaimResult, CleanResult, Cleaning, CloudNotice, Enrol, Enrolled, GpuReading,
    Heartbeat, HeartbeatAnswer, RenewToken, TokenKeeping, Vitals,
};

use crate::{
    AppState,
    auth::{Caller, PresentedToken},
    http::{Json, Problem},
    wire::Message,
};

/// Trades a one-time token for the agent's own. Public: the one-time token is the credential.
#[utoipa::path(post, path = "", request_body = Enrol, responses((status = 200, body = Enrolled)))]
pub async fn enrol(
    Caller(scope): Caller,
    Json(enrol): Json<Enrol>,
) -> Result<JsonAnswer<Enrolled>, Problem> {
    let presented = Token::presented(&enrol.enrolment_token);
    let token = agents::enrol(&scope, &enrol.hostname, &presented).await?;
    Ok(JsonAnswer(Enrolled { agent_token: token.reveal().to_owned() }))
}

/// Trades the token of a VM whose claim has ended or changed hands for a new one, which ends it with
/// its first use. One that was fetched and never used is void.
#[utoipa::path(post, path = "", request_body = RenewToken, responses((status = 200, body = Enrolled)))]
pub async fn renew_token(
    State(state): State<AppState>,
    caller: Caller,
    Extension(presented): Extension<Option<PresentedToken>>,
    Json(RenewToken { hostname }): Json<RenewToken>,
) -> Result<JsonAnswer<Enrolled>, Problem> {
    let scope = caller.may(&state, Action::RenewToken, &hostname).await?;
    let presented = presented.ok_or_else(Problem::unauthorized)?;
    let token = agents::renew(&scope, &hostname, presented.token).await?;
    Ok(JsonAnswer(Enrolled { agent_token: token.reveal().to_owned() }))
}

/// Says that the agent lives.
#[utoipa::path(post, path = "", request_body = Heartbeat, responses((status = 200, body = HeartbeatAnswer)))]
pub async fn heartbeat(
    State(state): State<AppState>,
    caller: Caller,
    Extension(presented): Extension<Option<PresentedToken>>,
    Json(Heartbeat { hostname, vitals, stopping, keeps }): Json<Heartbeat>,
) -> Result<JsonAnswer<HeartbeatAnswer>, Problem> {
    let scope = caller.speaks_for(&state, &hostname).await?;
    if let Some(presented) = presented {
        presented.attend(&state, &hostname).await?;
    }
    if stopping {
        vms::goodbye(&scope, &hostname).await?;
    } else {
        vms::heartbeat(&scope, &hostname, &bounded(vitals)).await?;
    }
    let interval_seconds = state.settings.heartbeat.as_secs();
    let collected = match keeps {
        Some(_) => collections::kept_collected(&scope, &hostname).await?,
        None => None,
    };
    Ok(JsonAnswer(HeartbeatAnswer { interval_seconds, collected }))
}

const MOST_GPUS: usize = 64;
const LONGEST_TEXT: usize = 100;
const LONGEST_REASON: usize = 500;

/// What is stored of what an agent says: no endless texts and lists, and none that Postgres refuses.
fn bounded(vitals: Vitals) -> Vitals {
    let text = |text: String| -> String {
        text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
    };
    let reason = |why: String| -> String {
        why.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
    };
    let cleaning = |cleaning: Cleaning| match cleaning {
        Cleaning::Possible => Cleaning::Possible,
        Cleaning::Impossible(why) => Cleaning::Impossible(reason(why)),
    };
    let keeping = |keeping: TokenKeeping| match keeping {
        TokenKeeping::Safe => TokenKeeping::Safe,
        TokenKeeping::Exposed(why) => TokenKeeping::Exposed(reason(why)),
    };
    let desktop = |desktop: BrowserDesktop| match desktop {
        BrowserDesktop::Possible => BrowserDesktop::Possible,
        BrowserDesktop::Impossible(why) => BrowserDesktop::Impossible(reason(why)),
    };
    let notice = |notice: CloudNotice| match notice {
        CloudNotice::None | CloudNotice::Other => CloudNotice::None,
        CloudNotice::TakenBack { action, time } => {
            CloudNotice::TakenBack { action: text(action), time: text(time) }
        }
        CloudNotice::Maintenance { code, description, from } => CloudNotice::Maintenance {
            code: text(code),
            description: reason(description),
            from: text(from),
        },
    };
    let gpu = |gpu: GpuReading| GpuReading { name: gpu.name.map(text), ..gpu };
    Vitals {
        agent_version: vitals.agent_version.map(text),
        gpu_driver: vitals.gpu_driver.map(text),
        cleaning: vitals.cleaning.map(cleaning),
        token: vitals.token.map(keeping),
        desktop: vitals.desktop.map(desktop),
        notice: vitals.notice.map(notice),
        gpus: vitals.gpus.map(|gpus| gpus.into_iter().take(MOST_GPUS).map(gpu).collect()),
        ..vitals
    }
}

/// Tells how connecting the participant went.
#[utoipa::path(post, path = "", request_body = ClaimResult, responses((status = 200, body = Message)))]
pub async fn claim_result(
    State(state): State<AppState>,
    caller: Caller,
    Json(result): Json<ClaimResult>,
) -> Result<JsonAnswer<Message>, Problem> {
    let scope = caller.speaks_for(&state, &result.hostname).await?;
    claims::report(&scope, &result).await?;
    Ok(JsonAnswer(Message::new("Claim result stored.")))
}

/// Tells how cleaning the machine after a claim went.
#[utoipa::path(post, path = "", request_body = CleanResult, responses((status = 200, body = Message)))]
pub async fn clean_result(
    State(state): State<AppState>,
    caller: Caller,
    Json(result): Json<CleanResult>,
) -> Result<JsonAnswer<Message>, Problem> {
    let scope = caller.speaks_for(&state, &result.hostname).await?;
    claims::cleaned(&scope, &result).await?;
    Ok(JsonAnswer(Message::new("Clean result stored.")))
}
