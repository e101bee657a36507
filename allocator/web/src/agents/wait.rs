//! `POST /vm_startup`: where an agent waits for its claim.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json as JsonAnswer,
    body::{Body, Bytes},
    extract::{Extension, FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use lablink_core::{
    Action, Actor, DbError, TokenHash,
    channels::{self, Asked},
    claims::{ClaimId, Delivery, Sight, Situation},
    live::{Subscription, Topic},
    pools::{AfterUse, Desktop},
    vms,
};
use lablink_protocol::{CrdCode, Hostname, Seen, WaitAnswer, WaitRequest};
use serde::Deserialize;

use super::named;
use crate::{
    AppState,
    auth::{Caller, PresentedToken},
    connections::{Later, Slot},
    http::{Json, Problem},
    links, metrics,
    waits::Turn,
};

/// The longest wait that we promise: load balancers cut connections that are idle for 60 s.
const LONGEST_WAIT: Duration = Duration::from_secs(55);
/// How often an original client, which can't be sent away, hears that we are still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// How long a waiter leaves a database alone that does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub struct Wait {
    hostname: Option<String>,
    seen: Option<Seen>,
    #[serde(default)]
    cleans: bool,
    cleaning: Option<ClaimId>,
    #[serde(default)]
    locks_out: bool,
    #[serde(default)]
    channels: bool,
}

/// Waits until the VM is claimed. With `seen`, or `Prefer: wait=SECONDS`, a 204 says: come again.
#[utoipa::path(post, path = "", request_body = WaitRequest,
    params(("Prefer" = Option<String>, Header, description = "`wait=SECONDS`: how long at most, up to 55. Without it and without `seen` the answer comes with the claim, however late that is; white space before it says that we are still there.")),
    responses((status = 200, body = WaitAnswer), (status = 204, description = "Nothing new in that time: come again.")))]
pub async fn vm_startup(
    State(state): State<AppState>,
    caller: Caller,
    preferred: PreferredWait,
    Extension(presented): Extension<Option<PresentedToken>>,
    slot: Option<Extension<Slot>>,
    Json(wait): Json<Wait>,
) -> Result<Response, Problem> {
    let hostname = named::hostname(wait.hostname.as_deref(), "Hostname is required.")?;
    let scope = caller.may(&state, Action::AwaitClaim, &hostname).await?;
    if scope.actor == Actor::UnprovenAgent {
        // Original clients send no heartbeats.
        vms::hear(&scope, &hostname).await?;
    }
    if let Some(presented) = presented {
        presented.attend(&state, &hostname).await?;
    }
    let can_return = preferred.0.is_some() || wait.seen.is_some();
    let turn = state.waits.begin(&hostname);
    let cleans = wait.cleans && state.pool.rules().machines.after_use == AfterUse::Clean;
    let able = Ability {
        cleaner: cleans.then_some(Cleaner { at_work_on: wait.cleaning }),
        locks_out: wait.locks_out,
        // A channel is dialled with a token.
        channels: wait.channels && presented.is_some(),
    };
    let waiter = Waiter::new(state, hostname, presented, wait.seen.unwrap_or_default(), able);
    // The first look tells a missing VM before a 200 is on its way.
    match Box::pin(waiter.look()).await? {
        Look::Nothing => {}
        Look::News(answer) => return Ok(JsonAnswer(answer).into_response()),
        Look::ComeAgain if can_return => return Ok(StatusCode::NO_CONTENT.into_response()),
        Look::ComeAgain => return Ok(kept_alive(Body::from("\n"))),
    }
    if let Some(Extension(slot)) = slot {
        slot.recognise(&waiter.hostname);
    }
    if can_return {
        let limit = preferred.0.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        Ok(Later::answer(bounded(waiter, turn, limit)))
    } else {
        Ok(unbounded(waiter, turn))
    }
}

/// `Prefer: wait=SECONDS` (RFC 7240 §4.3). Read at once, so that no wait keeps its headers.
pub struct PreferredWait(Option<Duration>);

impl PreferredWait {
    fn of(headers: &HeaderMap) -> Option<Duration> {
        let preferences = headers.get("prefer")?.to_str().ok()?;
        let seconds = preferences.split(',').find_map(|it| it.trim().strip_prefix("wait="))?;
        Some(Duration::from_secs(seconds.trim().parse().ok()?))
    }
}

impl<S: Sync> FromRequestParts<S> for PreferredWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Self::of(&parts.headers)))
    }
}

/// Our own agent comes again after a 204.
async fn bounded(mut waiter: Waiter, mut turn: Turn, limit: Duration) -> Response {
    let shutdown = waiter.state.shutdown.clone();
    tokio::select! {
        answer = waiter.answer() => match answer {
            Ok(Some(answer)) => JsonAnswer(answer).into_response(),
            Ok(None) => StatusCode::NO_CONTENT.into_response(),
            Err(problem) => problem.into_response(),
        },
        () = tokio::time::sleep(limit) => StatusCode::NO_CONTENT.into_response(),
        () = turn.over() => StatusCode::NO_CONTENT.into_response(),
        () = shutdown.cancelled() => {
            Problem::try_again("stopping", "This allocator is stopping. Come again.", 1)
                .into_response()
        }
    }
}

/// The original client takes any 200 without a command as the end, and waits a minute after
/// anything else. So its answer begins at once and is kept alive by white space, which JSON allows
/// in front, until the command comes. If we stop first, newer waits take its place, or the VM's claim
/// ends or the VM is gone, white space alone makes it come again.
fn unbounded(waiter: Waiter, turn: Turn) -> Response {
    let pieces = stream::unfold(Some((waiter, turn)), |waiter| async {
        let (mut waiter, mut turn) = waiter?;
        let shutdown = waiter.state.shutdown.clone();
        let (piece, next) = tokio::select! {
            answer = waiter.answer() => match answer {
                Ok(Some(answer)) => (serde_json::to_vec(&answer).unwrap_or_default(), None),
                Ok(None) | Err(_) => (b"\n".to_vec(), None),
            },
            () = tokio::time::sleep(SIGN_OF_LIFE) => (b" ".to_vec(), Some((waiter, turn))),
            () = turn.over() => (b"\n".to_vec(), None),
            () = shutdown.cancelled() => (b"\n".to_vec(), None),
        };
        Some((Ok::<Bytes, Infallible>(piece.into()), next))
    });
    kept_alive(Body::from_stream(pieces))
}

fn kept_alive(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Subscribed before the first look, so that nothing between looking and waiting is lost. Dropped
/// with its request when the caller hangs up.
struct Waiter {
    state: AppState,
    hostname: Hostname,
    /// The token that the caller has presented, if any: checked with every look.
    token: Option<TokenHash>,
    seen: Seen,
    able: Ability,
    changes: Subscription,
}

/// What a waiter finds.
enum Look {
    Nothing,
    News(WaitAnswer),
    /// The wait is over: the caller's token is not, or no longer, the one that hears more.
    ComeAgain,
}

/// What the caller can do in addition to running a command.
struct Ability {
    cleaner: Option<Cleaner>,
    /// It can end a desktop, and wait for the same claim's next command.
    locks_out: bool,
    channels: bool,
}

/// A caller who can clean the machine, where the organiser wants that.
struct Cleaner {
    /// The claim after which it does that now.
    at_work_on: Option<ClaimId>,
}

impl Waiter {
    fn new(
        state: AppState,
        hostname: Hostname,
        presented: Option<PresentedToken>,
        seen: Seen,
        able: Ability,
    ) -> Self {
        let changes = state.hub.subscribe(Topic::Vm(hostname.clone()));
        let token = presented.map(|presented| presented.token);
        Self { state, hostname, token, seen, able, changes }
    }

    /// Waits until there is something that the caller has not seen; none: there is nothing more to
    /// come for it. An error is one that waiting does not mend.
    async fn answer(&mut self) -> Result<Option<WaitAnswer>, Problem> {
        loop {
            // Boxed, so that thousands who wait keep no room for what is asked now and then.
            match Box::pin(self.look()).await {
                Ok(Look::News(answer)) => return Ok(Some(answer)),
                Ok(Look::ComeAgain) => return Ok(None),
                Ok(Look::Nothing) => self.changes.changed().await,
                Err(problem) if problem.passes() => tokio::time::sleep(DATABASE_PAUSE).await,
                // A VM that was removed meanwhile has nothing more to come.
                Err(problem) => return Err(problem),
            }
        }
    }

    async fn look(&self) -> Result<Look, Problem> {
        let AppState { hand_over_db, looks, .. } = &self.state;
        let sight = looks.look(hand_over_db, &self.hostname, self.token).await?;
        let Sight { situation, has_channel } =
            sight.ok_or_else(|| Problem::not_found("VM not found."))?;
        match self.of_claim(situation) {
            Look::Nothing if has_channel && self.able.channels => {
                let asked = channels::tell(hand_over_db, &self.hostname).await?;
                Ok(asked.map_or(Look::Nothing, |Asked { id, target }| {
                    let (channel_id, url) = (id.reveal().to_owned(), links::agent_channel(&id));
                    Look::News(WaitAnswer::Channel { channel_id, target, url })
                }))
            }
            look => Ok(look),
        }
    }

    fn of_claim(&self, situation: Situation) -> Look {
        match situation {
            Situation::Claimed(delivery)
                if self.is_news(delivery.claim_id, delivery.command_no) =>
            {
                Look::News(self.hand_over(delivery))
            }
            Situation::Claimed(_) => Look::Nothing,
            Situation::LockedOut { claim_id, command_no } if self.able.locks_out => {
                match self.is_news(claim_id, command_no) {
                    true => {
                        Look::News(WaitAnswer::LockOut { claim_id: claim_id.into(), command_no })
                    }
                    false => Look::Nothing,
                }
            }
            // To a caller who can't do that, nobody has the VM until there is a command.
            Situation::LockedOut { .. } => self.without_claim(None),
            Situation::Unclaimed { to_clean } => self.without_claim(to_clean),
            // An agent that can take no new token is to end its participant's desktop at least.
            Situation::TokenDue { open }
                if self.seen.claim_id.is_some() && self.seen.claim_id != open.map(i64::from) =>
            {
                Look::News(WaitAnswer::Released)
            }
            Situation::TokenDue { .. } | Situation::NotTheAgent => Look::ComeAgain,
        }
    }

    fn without_claim(&self, to_clean: Option<ClaimId>) -> Look {
        match (&self.able.cleaner, to_clean) {
            (Some(Cleaner { at_work_on }), Some(claim_id)) if *at_work_on != Some(claim_id) => {
                Look::News(WaitAnswer::Clean { claim_id: claim_id.into() })
            }
            _ if self.seen.claim_id.is_some() => Look::News(WaitAnswer::Released),
            _ => Look::Nothing,
        }
    }

    fn is_news(&self, claim_id: ClaimId, command_no: i32) -> bool {
        self.seen != Seen { claim_id: Some(claim_id.into()), command_no: Some(command_no) }
    }

    fn hand_over(&self, delivery: Delivery) -> WaitAnswer {
        let in_tab_alone = self.state.pool.rules().claiming.desktop == Desktop::Browser;
        let command = match in_tab_alone && delivery.offers_desktop && !delivery.code.is_for_tab() {
            true => CrdCode::for_tab("instead").to_command(),
            false => delivery.code.to_command(),
        };
        let answer = WaitAnswer::Claimed {
            command,
            pin: delivery.pin.reveal().to_owned(),
            claim_id: delivery.claim_id.into(),
            command_no: delivery.command_no,
        };
        // The agent does not wait for the page to be told.
        let (scope, deliveries) = (self.state.scope(Actor::System), self.state.deliveries.clone());
        tokio::spawn(async move {
            match deliveries.note(&scope, &delivery).await {
                Ok(Some(after)) => metrics::handed_over(after),
                Ok(None) => {}
                Err(error) => {
                    let error: &DbError = &error;
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        claim.id = %delivery.claim_id,
                        "the hand-over could not be noted"
                    );
                }
            }
        });
        answer
    }
}
