use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use lablink_core::{Action, Actor, Resource, Token, agents, can};
use lablink_protocol::Hostname;

use super::{AgentAuth, admin_browser};
use crate::{
    AppState,
    connections::Slot,
    http::{Client, Problem},
    pages,
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
    let mut cookies = CookieJar::default();
    let actor = match action {
        Action::Visit => Actor::Anyone,
        _ => {
            let authorization = request.headers().get(AUTHORIZATION).cloned();
            let client = Client::calling(request.extensions(), request.headers(), &state);
            let caller = (client, request.headers());
            let (actor, given) = identify(&state, authorization.as_ref(), caller, action).await?;
            if let Some(slot) = &slot
                && !matches!(actor, Actor::Anyone | Actor::UnprovenAgent)
            {
                slot.recognise(authorization);
            }
            cookies = given;
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
    let is_admin = matches!(actor, Actor::Admin(_));
    request.extensions_mut().insert(Caller(actor));
    let response = if is_admin {
        let notices = Arc::clone(&state.settings.notices);
        (cookies, pages::under(notices, next.run(request)).await).into_response()
    } else {
        next.run(request).await
    };
    if let (Some(slot), Some(link)) = (slot, link)
        && (response.status().is_success() || response.status().is_redirection())
    {
        slot.recognise(link);
    }
    Ok(response)
}

/// Who asks, and the cookies that they are given for it.
async fn identify(
    state: &AppState,
    authorization: Option<&HeaderValue>,
    (client, headers): (Client, &HeaderMap),
    action: Action,
) -> Result<(Actor, CookieJar), Problem> {
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let none = CookieJar::default();
    let Some((scheme, credentials)) = authorization.and_then(|value| value.split_once(' ')) else {
        let open = state.settings.agent_auth == AgentAuth::Open && action != Action::Administer;
        return Ok((if open { Actor::UnprovenAgent } else { Actor::Anyone }, none));
    };
    let actor = if scheme.eq_ignore_ascii_case("basic") {
        return Ok(match admin_browser::log_in(state, credentials, &client, headers).await? {
            Some((user, cookies)) => (Actor::Admin(user), cookies),
            None => (Actor::Anyone, none),
        });
    } else if scheme.eq_ignore_ascii_case("bearer") {
        let token = Token::presented(credentials.trim()).hash();
        if state.settings.log_token.is_some_and(|forwarder| forwarder.matches(&token)) {
            Some(Actor::Forwarder)
        } else {
            agents::identify(&state.db, token).await?.map(Actor::Agent)
        }
    } else {
        None
    };
    Ok((actor.unwrap_or(Actor::Anyone), none))
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
