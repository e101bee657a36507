use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderValue, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};
use lablink_core::{Action, Actor, Resource, Token, TokenHash, agents, can};
use lablink_protocol::Hostname;

use super::AgentAuth;
use crate::{
    AppState,
    agents::Share,
    connections::Slot,
    http::{Client, Problem},
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
    let mut entered = None;
    let actor = match action {
        Action::Visit => Actor::Anyone,
        _ => {
            let authorization = request.headers().get(AUTHORIZATION).cloned();
            let client = Client::calling(request.extensions(), request.headers(), &state);
            let shown = Shown::read(authorization.as_ref());
            if action != Action::Administer && !matches!(shown, Shown::Login(_)) {
                // Before anything is looked up: to be refused shall cost nothing.
                let token = shown.of_vm(&state);
                entered = Some(state.agent_limits.enter(token.as_ref()).await?);
                let limits = Arc::clone(&state.agent_limits);
                request.extensions_mut().insert(Share { limits, token });
            }
            let actor = identify(&state, shown, client, action).await?;
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
    if !can(&actor, action, resource) {
        return Err(refusal(&actor));
    }
    let link = params.iter().find(|(name, _)| *name == "link").map(|(_, link)| link.to_owned());
    request.extensions_mut().insert(Caller(actor));
    let response = next.run(request).await;
    drop(entered);
    if let (Some(slot), Some(link)) = (slot, link)
        && (response.status().is_success() || response.status().is_redirection())
    {
        slot.recognise(link);
    }
    Ok(response)
}

/// What a caller shows to say who it is.
enum Shown<'a> {
    Nothing,
    /// Name and password, as HTTP Basic has them.
    Login(&'a str),
    Token(TokenHash),
    Other,
}

impl<'a> Shown<'a> {
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
    shown: Shown<'_>,
    client: Client,
    action: Action,
) -> Result<Actor, Problem> {
    let actor = match shown {
        Shown::Nothing => {
            let open = state.settings.agent_auth == AgentAuth::Open && action != Action::Administer;
            open.then_some(Actor::UnprovenAgent)
        }
        Shown::Login(credentials) => {
            state.admin.verify(credentials, client.address).await.map(Actor::Admin)
        }
        Shown::Token(token) if is_forwarders(state, &token) => Some(Actor::Forwarder),
        Shown::Token(token) => agents::identify(&state.agents_db, token).await?.map(Actor::Agent),
        Shown::Other => None,
    };
    Ok(actor.unwrap_or(Actor::Anyone))
}

/// Who is unknown may show who they are; who is known may not do this.
fn refusal(actor: &Actor) -> Problem {
    match actor {
        Actor::Anyone => Problem::unauthorized(),
        _ => Problem::forbidden(),
    }
}

/// Who asks, as [`guard`] found.
#[derive(Clone)]
pub(crate) struct Caller(pub Actor);

impl Caller {
    /// For routes whose body names the VM: the right to speak for that one.
    pub fn speaks_for(self, hostname: &Hostname) -> Result<Actor, Problem> {
        self.may(Action::SpeakForVm, hostname)
    }

    /// Likewise, the right to do this to that VM.
    pub fn may(self, action: Action, hostname: &Hostname) -> Result<Actor, Problem> {
        if can(&self.0, action, Resource::Vm(hostname)) {
            Ok(self.0)
        } else {
            Err(refusal(&self.0))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthorized)
    }
}
