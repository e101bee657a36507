use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use lablink_core::{
    Actor, DbError, Email, EmailDomain, Scope, Token,
    admissions::{self, Known},
    claims,
    scope::Key,
};
use lablink_protocol::CrdCode;

use super::{
    form::{RequestVm, filled},
    page::{RequestField, RequestProblem},
};
use crate::{
    AppState,
    attempts::{Verdict, Visitor, token_of},
    auth::Asking,
    claims::cookie::COOKIE,
    http::{Client, FormOrJson, Problem, Scheme, Wants},
};

/// The participants' form, as somebody posted it: for a machine, or for a place in line.
pub(crate) struct Posted {
    pub state: AppState,
    pub scope: Scope,
    pub wants: Wants,
    pub client: Client,
    pub cookies: CookieJar,
    pub typed: RequestVm,
    /// The same one asks for the same again.
    pub key: Option<Key>,
    visitor: Visitor,
}

/// Why a form was not met.
pub(crate) enum Unmet {
    /// For people and for programs.
    Refused(RequestProblem, Problem),
    /// A reason that is not their fault.
    Failed(Problem),
}

impl From<DbError> for Unmet {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl Unmet {
    /// This network address has as many people as it may have.
    pub fn address_full() -> Self {
        let answer = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "address_full",
            "Your network has, or waits for, as many machines as one network may. Ask your organiser.",
        );
        Self::Refused(RequestProblem::AddressFull, answer)
    }

    pub fn invalid(field: RequestField, message: impl Into<String>) -> Self {
        let message = message.into();
        let answer = Problem::invalid(message.clone());
        Self::Refused(RequestProblem::Invalid { field, message }, answer)
    }
}

impl FromRequest<AppState> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let cookies = CookieJar::from_headers(&parts.headers);
        let client = Client::from_request_parts(&mut parts, state).await?;
        let Ok(wants) = Wants::from_request_parts(&mut parts, state).await;
        let asking = Asking::from_request_parts(&mut parts, state).await?;
        let (key, Asking(scope)) = (asking.key(), asking);
        let FormOrJson(typed) =
            FormOrJson::from_request(Request::from_parts(parts, body), state).await?;
        let visitor = state.browsers.visitor(client.address, &cookies);
        Ok(Self { state: state.clone(), scope, wants, client, cookies, typed, key, visitor })
    }
}

impl Posted {
    /// The person who asks, if they may: not refused too often lately, of a domain that may claim,
    /// and with the access code of the class. `code`: the command that they sent, if they sent one.
    pub async fn person(&self, code: Option<&CrdCode>) -> Result<Email, Unmet> {
        let email = self.typed.email.parse::<Email>();
        self.admit(email.as_ref().ok(), code).await?;
        let email =
            email.map_err(|error| Unmet::invalid(RequestField::Email, error.to_string()))?;
        self.check_domain(&email)?;
        self.check_access_code().await?;
        Ok(email)
    }

    /// The token of the claim or place that this browser has.
    pub fn token(&self) -> Option<Token> {
        self.cookies.get(COOKIE).map(|cookie| Token::presented(cookie.value()))
    }

    /// People who show that a claim or place is theirs are never kept from it, whatever others send
    /// with their e-mail or from their address.
    async fn admit(&self, email: Option<&Email>, code: Option<&CrdCode>) -> Result<(), Unmet> {
        let Self { state, visitor, .. } = self;
        if state.form_limits.admits(visitor, email) {
            return Ok(());
        }
        if let Some(email) = email
            && claims::is_proven(&state.scope(Actor::System), email, code, self.token().as_ref())
                .await?
        {
            return Ok(());
        }
        let answer =
            Problem::too_many("Too many tries. Wait a minute, then send the form again.", 60);
        Err(Unmet::Refused(RequestProblem::TooMany, answer))
    }

    fn check_domain(&self, email: &Email) -> Result<(), Unmet> {
        let rules = self.state.pool.rules();
        let domains = &rules.claiming.email_domains;
        if domains.is_empty() || domains.iter().any(|domain| email.is_of(domain)) {
            return Ok(());
        }
        let names: Vec<String> = domains.iter().map(EmailDomain::for_people).collect();
        let message =
            format!("Use your address at {}: others can't claim here.", names.join(" or "));
        Err(Unmet::invalid(RequestField::Email, message))
    }

    async fn check_access_code(&self) -> Result<(), Unmet> {
        let rules = self.state.pool.rules();
        let Some(wanted) = &rules.claiming.access_code else { return Ok(()) };
        let (typed, browser) = (&self.typed.access_code, token_of(&self.cookies));
        let (db, known) = (&self.state.db, Known::AccessCode(wanted));
        let mut judged = self.state.code_guesses.judge(wanted, typed, &self.visitor);
        if let (Verdict::NotLookedAt(_), Some(browser)) = (judged, &browser)
            && admissions::has(db, browser, known).await?
        {
            let is_right = typed.parse().is_ok_and(|typed| wanted.matches(&typed));
            judged = if is_right { Verdict::Right } else { Verdict::Wrong };
        }
        match judged {
            Verdict::Right => {
                if let Some(browser) = &browser {
                    admissions::record(db, browser, known).await?;
                }
                Ok(())
            }
            Verdict::Wrong => Err(Unmet::invalid(
                RequestField::AccessCode,
                "That is not the access code of this class. Ask your organiser for it.",
            )),
            Verdict::NotLookedAt(wait) => Err(too_many_codes(wait)),
        }
    }

    /// The answer: a browser gets its form back as it was typed, with the status that a program
    /// would get.
    pub async fn answer(self, met: Result<Response, Unmet>) -> Result<Response, Problem> {
        let (problem, answer) = match met {
            Ok(response) => return Ok(response),
            Err(Unmet::Failed(problem)) => return Err(problem),
            Err(Unmet::Refused(problem, answer)) => (problem, answer),
        };
        let email = self.typed.email.parse::<Email>();
        self.state.form_limits.refused(&self.visitor, email.as_ref().ok());
        if self.wants == Wants::Json {
            return Err(answer);
        }
        let page = filled(&self.state, &self.scope, self.typed, Some(problem)).await?.render()?;
        let scheme = Scheme::of(&self.state.origin(&self.client));
        let cookies = self.state.browsers.meet(self.cookies, scheme);
        Ok((cookies, answer.with_page(page)).into_response())
    }
}

/// The answer to a sender with no guesses left is the same for a right code and a wrong one.
fn too_many_codes(wait: Duration) -> Unmet {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
    let answer = Problem::too_many(
        format!(
            "Too many wrong access codes were sent, so yours was not looked at. Try again in \
             {minutes} min, or ask your organiser."
        ),
        seconds,
    );
    Unmet::Refused(RequestProblem::TooManyCodes { minutes }, answer)
}
