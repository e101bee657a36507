use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderValue, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};
use lablink_core::{
    Action, Actor, Resource, Token, TokenHash,
    agents::{self, Bearer, Misuse},
    can,
};
use lablink_protocol::Hostname;

use super::AgentAuth;
use crate::{
    AppState,
    connections::Slot,
    http::{Client, Problem},
    metrics,
};

/// What a route needs, with the state to find out whether the caller has it.
pub(crate) type Guard = (AppState, Action);

/// Finds out who asks and refuses who may not. Every route has one: see [`crate::router`].
pub(crate) async fn guard(
    State((state, action)): State<Guard>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let slot = request.extensions().get::<Slot>().cloned();
    let (actor, shown) = match action {
        Action::Visit => (Actor::Anyone, None),
        _ => {
            let authorization = request.headers().get(AUTHORIZATION).cloned();
            let client = Client::calling(request.extensions(), request.headers(), &state);
            let (actor, shown) = identify(&state, authorization.as_ref(), client, action).await?;
            if let Some(slot) = &slot
                && !matches!(actor, Actor::Anyone | Actor::UnprovenAgent)
            {
                slot.recognise(authorization);
            }
            (actor, shown)
        }
    };
    let named = params.iter().find(|(name, _)| *name == "hostname");
    let hostname: Option<Hostname> = named.and_then(|(_, text)| text.parse().ok());
    let resource = hostname.as_ref().map_or(Resource::Pool, Resource::Vm);
    if !can(&actor, action, resource) {
        return Err(refusal(&actor));
    }
    if let Some(hostname) = &hostname
        && action != Action::ReadVm
    {
        not_without_its_token(&state, &actor, hostname).await?;
    }
    let link = params.iter().find(|(name, _)| *name == "link").map(|(_, link)| link.to_owned());
    request.extensions_mut().insert(Caller(actor));
    request.extensions_mut().insert(shown);
    let response = next.run(request).await;
    if let (Some(slot), Some(link)) = (slot, link)
        && (response.status().is_success() || response.status().is_redirection())
    {
        slot.recognise(link);
    }
    Ok(response)
}

async fn identify(
    state: &AppState,
    authorization: Option<&HeaderValue>,
    client: Client,
    action: Action,
) -> Result<(Actor, Option<Shown>), Problem> {
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let Some((scheme, credentials)) = authorization.and_then(|value| value.split_once(' ')) else {
        let open = state.settings.agent_auth == AgentAuth::Open && action != Action::Administer;
        return Ok((if open { Actor::UnprovenAgent } else { Actor::Anyone }, None));
    };
    let mut shown = None;
    let actor = if scheme.eq_ignore_ascii_case("basic") {
        state.admin.verify(credentials, client.address).await.map(Actor::Admin)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        let token = Token::presented(credentials.trim()).hash();
        if state.settings.log_token.is_some_and(|forwarder| forwarder.matches(&token)) {
            Some(Actor::Forwarder)
        } else {
            let stale_after = state.settings.stale_after;
            match agents::identify(&state.db, state.pool, stale_after, token).await? {
                Some(Bearer::Agent { hostname, attends }) => {
                    shown = Some(Shown { token, attends });
                    Some(Actor::Agent(hostname))
                }
                Some(Bearer::Outgoing(hostname)) => {
                    shown = Some(Shown { token, attends: true });
                    Some(Actor::OutgoingAgent(hostname))
                }
                Some(Bearer::Dead { vm_id }) => {
                    misused(state, vm_id, action, client).await?;
                    None
                }
                None => None,
            }
        }
    } else {
        None
    };
    Ok((actor.unwrap_or(Actor::Anyone), shown))
}

/// An agent's late report may come with a token that has died meanwhile. It waits, and asks for a
/// new token, with nothing but the newest that it has.
async fn misused(
    state: &AppState,
    vm_id: i64,
    action: Action,
    client: Client,
) -> Result<(), Problem> {
    let misuse = match action {
        Action::AwaitClaim => Misuse::Wait,
        Action::RenewToken => Misuse::NewToken,
        _ => return Ok(()),
    };
    metrics::dead_token_shown(misuse.as_str());
    let stale_after = state.settings.stale_after;
    agents::raise(&state.db, state.pool, stale_after, vm_id, misuse, client.address).await?;
    Ok(())
}

/// Where agents need no token, the VM's own may have one, and nobody else speaks for it then.
async fn not_without_its_token(
    state: &AppState,
    actor: &Actor,
    hostname: &Hostname,
) -> Result<(), Problem> {
    if *actor == Actor::UnprovenAgent && agents::needs_token(&state.db, hostname).await? {
        return Err(Problem::unauthorized());
    }
    Ok(())
}

/// Who is unknown may show who they are; who is known may not do this.
fn refusal(actor: &Actor) -> Problem {
    match actor {
        Actor::Anyone => Problem::unauthorized(),
        Actor::OutgoingAgent(_) => Problem::token_due(),
        _ => Problem::forbidden(),
    }
}

/// Who asks, as [`guard`] found.
#[derive(Clone)]
pub(crate) struct Caller(pub Actor);

/// The agent's token that came with a request.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    pub token: TokenHash,
    /// The VM's agent has waited, or sent a heartbeat, with a token before.
    attends: bool,
}

impl Shown {
    /// It waits, or sends a heartbeat, with this token now.
    pub async fn attend(self, state: &AppState, hostname: &Hostname) -> Result<(), Problem> {
        if !self.attends {
            agents::attend(&state.db, hostname).await?;
        }
        Ok(())
    }
}

impl Caller {
    /// For routes whose body names the VM: the right to speak for that one.
    pub async fn speaks_for(self, state: &AppState, hostname: &Hostname) -> Result<Actor, Problem> {
        self.may(state, Action::SpeakForVm, hostname).await
    }

    /// Likewise, the right to do this to that VM.
    pub async fn may(
        self,
        state: &AppState,
        action: Action,
        hostname: &Hostname,
    ) -> Result<Actor, Problem> {
        if !can(&self.0, action, Resource::Vm(hostname)) {
            return Err(refusal(&self.0));
        }
        not_without_its_token(state, &self.0, hostname).await?;
        Ok(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthorized)
    }
}
