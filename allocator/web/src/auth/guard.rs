use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use jiff::Timestamp;
use lablink_core::{
    Action, Actor, Grants, Resource, Scope, Token, TokenHash,
    agents::{self, Bearer, Misuse},
    can,
    vms::VmId,
};
use lablink_protocol::Hostname;

use super::admin_browser;
use crate::{
    AgentAuth, AppState,
    budgets::Share,
    connections::Slot,
    http::{Client, Problem, VmName},
    metrics, pages,
};

/// What a route needs, with the state to find out whether the caller has it.
pub(crate) type Guard = (AppState, Action);

/// Identifies the caller and refuses those who may not. Every route has one: see [`crate::router`].
pub(crate) async fn guard(
    State((state, action)): State<Guard>,
    params: RawPathParams,
    client: Client,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let slot = request.extensions().get::<Slot>().cloned();
    let (mut cookies, mut presented, mut entered) = (CookieJar::default(), None, None);
    let actor = match action {
        Action::Visit => Actor::Anyone,
        _ => {
            let authorization = request.headers().get(AUTHORIZATION).cloned();
            let credentials = Credentials::read(authorization.as_ref());
            if !matches!(action, Action::Do(_)) && !matches!(credentials, Credentials::Login(_)) {
                // Before anything is looked up: a refusal should cost nothing.
                let token = credentials.of_vm(&state);
                entered = Some(state.agent_limits.enter(token.as_ref()).await?);
                let limits = Arc::clone(&state.agent_limits);
                request.extensions_mut().insert(Share { limits, token });
            }
            let caller = (client, request.headers());
            let known = identify(&state, credentials, caller, action).await?;
            (cookies, presented) = (known.cookies, known.presented);
            let actor = known.actor;
            if let Some(slot) = &slot
                && !matches!(actor, Actor::Anyone | Actor::UnprovenAgent)
            {
                slot.recognise(authorization);
            }
            actor
        }
    };
    let named = params.iter().find(|(name, _)| *name == "hostname");
    let hostname: Option<Hostname> = named.and_then(|(_, text)| text.parse().ok());
    let resource = hostname.as_ref().map_or(Resource::Pool, Resource::Vm);
    if !can(&Grants::of(&actor), action, resource) {
        return Err(refusal(&actor));
    }
    if let Some(hostname) = &hostname
        && !matches!(action, Action::ReadVm(_))
    {
        not_without_its_token(&state, &actor, hostname).await?;
    }
    let link = params.iter().find(|(name, _)| *name == "link").map(|(_, link)| link.to_owned());
    let is_admin = matches!(actor, Actor::Admin(_));
    request.extensions_mut().insert(Caller(state.scope(actor)));
    request.extensions_mut().insert(presented);
    if let Some(hostname) = hostname {
        request.extensions_mut().insert(VmName(hostname));
    }
    let response = if is_admin {
        let notices = notices(&state);
        (cookies, pages::under(notices, next.run(request)).await).into_response()
    } else {
        next.run(request).await
    };
    drop(entered);
    if let (Some(slot), Some(link)) = (slot, link)
        && (response.status().is_success()
            || response.status().is_redirection()
            || response.status() == StatusCode::SWITCHING_PROTOCOLS)
    {
        slot.recognise(link);
    }
    Ok(response)
}

/// What organisers read above each of their pages.
fn notices(state: &AppState) -> Arc<[String]> {
    state.settings.notices.all().chain(state.aws.warning(Timestamp::now())).collect()
}

/// An identified caller.
struct Known {
    actor: Actor,
    /// Cookies to set on the answer.
    cookies: CookieJar,
    /// The agent's token that they have presented.
    presented: Option<PresentedToken>,
}

impl Known {
    fn of(actor: Actor) -> Self {
        Self { actor, cookies: CookieJar::default(), presented: None }
    }
}

/// What a caller shows to say who it is.
enum Credentials<'a> {
    Nothing,
    /// Name and password, as HTTP Basic has them.
    Login(&'a str),
    Token(TokenHash),
    Other,
}

impl<'a> Credentials<'a> {
    fn read(authorization: Option<&'a HeaderValue>) -> Self {
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let parts = authorization.and_then(|value| value.split_once(' '));
        let Some((scheme, credentials)) = parts else { return Self::Nothing };
        if scheme.eq_ignore_ascii_case("basic") {
            Self::Login(credentials)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Token(Token::presented(credentials.trim()).hash())
        } else {
            Self::Other
        }
    }

    /// The token, if it may be a VM's.
    fn of_vm(&self, state: &AppState) -> Option<TokenHash> {
        match self {
            Self::Token(token) if !is_forwarders(state, token) => Some(*token),
            _ => None,
        }
    }
}

fn is_forwarders(state: &AppState, token: &TokenHash) -> bool {
    state.settings.log_token.is_some_and(|forwarder| forwarder.matches(token))
}

async fn identify(
    state: &AppState,
    credentials: Credentials<'_>,
    (client, headers): (Client, &HeaderMap),
    action: Action,
) -> Result<Known, Problem> {
    let mut presented = None;
    let actor = match credentials {
        Credentials::Nothing => {
            let open =
                state.settings.agent_auth == AgentAuth::Open && !matches!(action, Action::Do(_));
            open.then_some(Actor::UnprovenAgent)
        }
        Credentials::Login(login) => {
            return Ok(match admin_browser::log_in(state, login, &client, headers).await? {
                Some((user, cookies)) => Known { cookies, ..Known::of(Actor::Admin(user)) },
                None => Known::of(Actor::Anyone),
            });
        }
        Credentials::Token(token) if is_forwarders(state, &token) => Some(Actor::Forwarder),
        Credentials::Token(token) => match agents::identify(&on_behalf(state), token).await? {
            Some(Bearer::Agent { hostname, attends }) => {
                presented = Some(PresentedToken { token, attends });
                Some(Actor::Agent(hostname))
            }
            Some(Bearer::Outgoing(hostname)) => {
                presented = Some(PresentedToken { token, attends: true });
                Some(Actor::OutgoingAgent(hostname))
            }
            Some(Bearer::Dead { vm_id }) => {
                misused(state, vm_id, action, client).await?;
                None
            }
            None => None,
        },
        Credentials::Other => None,
    };
    Ok(Known { presented, ..Known::of(actor.unwrap_or(Actor::Anyone)) })
}

/// LabLink itself, on the connections of VMs.
fn on_behalf(state: &AppState) -> Scope {
    Scope::new(&state.agents_db, &state.pool, Actor::System)
}

/// A dead token on a wait, or on a request for a new token, is misuse: there, an agent only ever
/// uses its newest. On a late report it is not, since the token may have died meanwhile.
async fn misused(
    state: &AppState,
    vm_id: VmId,
    action: Action,
    client: Client,
) -> Result<(), Problem> {
    let misuse = match action {
        Action::AwaitClaim => Misuse::Wait,
        Action::RenewToken => Misuse::NewToken,
        _ => return Ok(()),
    };
    metrics::dead_token_shown(misuse.as_str());
    agents::raise(&on_behalf(state), vm_id, misuse, client.address).await?;
    Ok(())
}

/// Where agents need no token, a VM's agent may still have one: then nobody else speaks for that
/// VM.
async fn not_without_its_token(
    state: &AppState,
    actor: &Actor,
    hostname: &Hostname,
) -> Result<(), Problem> {
    if *actor == Actor::UnprovenAgent && agents::needs_token(&state.agents_db, hostname).await? {
        return Err(Problem::unauthorized());
    }
    Ok(())
}

/// Asks unknown callers to log in, and tells known ones that they may not do this.
fn refusal(actor: &Actor) -> Problem {
    match actor {
        Actor::Anyone | Actor::UnprovenAgent => Problem::unauthorized(),
        Actor::OutgoingAgent(_) => Problem::token_due(),
        _ => Problem::forbidden(),
    }
}

/// The scope of a request: who asks and in which pool, as found by [`guard`].
#[derive(Clone)]
pub(crate) struct Caller(pub Scope);

/// The agent's token that came with a request.
#[derive(Clone, Copy)]
pub(crate) struct PresentedToken {
    pub token: TokenHash,
    /// The VM's agent has waited, or sent a heartbeat, with a token before.
    attends: bool,
}

impl PresentedToken {
    /// It waits, or sends a heartbeat, with this token now.
    pub async fn attend(self, state: &AppState, hostname: &Hostname) -> Result<(), Problem> {
        if !self.attends {
            agents::attend(&state.agents_db, hostname).await?;
        }
        Ok(())
    }
}

impl Caller {
    /// For routes whose body names the VM: the right to speak for that one.
    pub async fn speaks_for(self, state: &AppState, hostname: &Hostname) -> Result<Scope, Problem> {
        self.may(state, Action::SpeakForVm, hostname).await
    }

    /// The right to do `action` to that VM.
    pub async fn may(
        self,
        state: &AppState,
        action: Action,
        hostname: &Hostname,
    ) -> Result<Scope, Problem> {
        let actor = &self.0.actor;
        if !can(&Grants::of(actor), action, Resource::Vm(hostname)) {
            return Err(refusal(actor));
        }
        not_without_its_token(state, actor, hostname).await?;
        Ok(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthorized)
    }
}
