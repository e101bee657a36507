//! The AWS credentials that an organiser types (contract §1.18, §1.19).

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use lablink_core::{
    Scope,
    aws::{AwsKeys, CloudIdentity, Identity, IdentityError},
    secrets::VaultError,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::{AwsPage, AwsStanding, MachinesWithoutAws};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Wants},
    wire::Message,
};

/// The AWS identity of this allocator.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&state, &scope).await?.render()?))
}

#[derive(Deserialize, ToSchema)]
pub struct Typed {
    #[serde(default)]
    #[schema(required, pattern = r"^[A-Za-z0-9/+]{1,128}$")]
    aws_access_key_id: String,
    #[serde(default)]
    #[schema(required, pattern = r"^[A-Za-z0-9/+]{1,128}$")]
    aws_secret_access_key: String,
    /// Of temporary keys; without one it stays unset.
    #[serde(default)]
    aws_token: String,
    /// When temporary keys end, as AWS said when it gave them: `2026-01-31T18:00:00Z`. AWS tells it
    /// nobody later. Organisers are warned before.
    #[serde(default)]
    aws_expires_at: String,
}

impl Typed {
    fn keys(&self) -> Result<AwsKeys, Problem> {
        let word = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let missing = || Problem::missing("AWS Access Key and Secret Key are required");
        Ok(AwsKeys {
            access_key_id: word(&self.aws_access_key_id).ok_or_else(missing)?,
            secret_access_key: word(&self.aws_secret_access_key).ok_or_else(missing)?,
            session_token: word(&self.aws_token),
            expires_at: word(&self.aws_expires_at).map(|text| end(&text)).transpose()?,
        })
    }
}

fn end(text: &str) -> Result<Timestamp, Problem> {
    let ends: Timestamp = text.parse().map_err(|_other| {
        Problem::invalid(
            "The end of the keys is a time with its zone, as in 2026-01-31T18:00:00Z. Leave it empty \
             if you don’t know it.",
        )
    })?;
    if ends <= Timestamp::now() {
        return Err(Problem::invalid(
            "These keys have ended by the time that you typed: get new ones.",
        ));
    }
    Ok(ends)
}

/// Checks keys with AWS and takes them into use. Keys that AWS refuses leave the ones before.
#[utoipa::path(post, path = "",
    request_body(content((Typed = "application/x-www-form-urlencoded"), (Typed = "application/json"))),
    responses((status = 200, content((Message = "application/json"), (String = "text/html")))))]
pub async fn set(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    FormOrJson(typed): FormOrJson<Typed>,
) -> Result<Response, Problem> {
    let checked = match typed.keys() {
        Err(problem) => Err(problem),
        Ok(keys) => checked(&state, keys).await,
    };
    match checked {
        Ok(keys) => {
            state.aws.vault.set(&scope, Some(&keys)).await?;
            state.aws.look(&scope).await?;
            done(&state, &scope, wants, "AWS credentials set successfully.").await
        }
        Err(problem) if wants == Wants::Page => {
            let error = Some(problem.message().to_owned());
            let Typed { aws_access_key_id: access_key_id, aws_expires_at: expires_at, .. } = typed;
            let page =
                AwsPage { error, access_key_id, expires_at, ..filled(&state, &scope).await? };
            Ok(problem.with_page(page.render()?))
        }
        Err(problem) => Err(problem),
    }
}

/// Forgets the typed keys: what the allocator finds by itself is in use again.
#[utoipa::path(post, path = "",
    responses((status = 200, content((Message = "application/json"), (String = "text/html")))))]
pub async fn unset(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
) -> Result<Response, Problem> {
    state.aws.vault.set(&scope, None).await?;
    state.aws.look(&scope).await?;
    done(&state, &scope, wants, "AWS credentials unset successfully.").await
}

async fn done(
    state: &AppState,
    scope: &Scope,
    wants: Wants,
    message: &'static str,
) -> Result<Response, Problem> {
    Ok(match wants {
        Wants::Json => Json(Message::new(message)).into_response(),
        Wants::Page => {
            let page = AwsPage { done: Some(message.to_owned()), ..filled(state, scope).await? };
            Html(page.render()?).into_response()
        }
    })
}

fn identity(state: &AppState) -> Option<&dyn CloudIdentity> {
    state.aws.identity.as_deref()
}

async fn checked(state: &AppState, keys: AwsKeys) -> Result<AwsKeys, Problem> {
    let identity = identity(state).ok_or_else(|| {
        Problem::conflict(
            "no_aws",
            "This allocator was built without AWS: build it with the feature 'aws'.",
        )
    })?;
    identity.of(Some(&keys)).await.map_err(|error| refusal(&keys, error))?;
    Ok(keys)
}

/// In the original's words where it had some.
fn refusal(keys: &AwsKeys, error: IdentityError) -> Problem {
    const CODE: &str = "aws_refused";
    match error {
        IdentityError::Unreachable(_) => {
            Problem::try_again("aws_unreachable", format!("{error}. Nothing was changed."), 10)
        }
        IdentityError::Refused { code, .. }
            if code == "InvalidClientTokenId" && keys.session_token.is_none() =>
        {
            let message = "AWS credentials are temporary but no session token provided.";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, CODE, message)
        }
        IdentityError::Refused { message, .. } if message.is_empty() => {
            let message = "Invalid AWS credentials provided. Please check your credentials.";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, CODE, message)
        }
        IdentityError::Refused { message, .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, CODE, message)
        }
    }
}

async fn filled(state: &AppState, scope: &Scope) -> Result<AwsPage, Problem> {
    let stored = state.aws.vault.keys(scope).await;
    let typed = !matches!(stored, Ok(None));
    let standing = match (identity(state), stored) {
        (_, Err(VaultError::Db(error))) => return Err(error.into()),
        (None, _) => AwsStanding::NotBuiltIn {
            machines: match state.pool.rules().machines.launched_from {
                Some(_) => MachinesWithoutAws::Local,
                None => MachinesWithoutAws::Registered,
            },
        },
        (Some(_), Err(locked @ (VaultError::Locked | VaultError::Replaced))) => {
            AwsStanding::Invalid { reason: format!("{locked}.") }
        }
        (Some(identity), Ok(keys)) => match identity.of(keys.as_ref()).await {
            Ok(Identity { account, arn, expires_at }) => {
                let typed_end = keys.and_then(|keys| keys.expires_at);
                AwsStanding::Valid { account, arn, expires_at: typed_end.or(expires_at) }
            }
            Err(error) => AwsStanding::Invalid { reason: error.to_string() },
        },
    };
    let (access_key_id, expires_at) = (String::new(), String::new());
    Ok(AwsPage { standing, typed, done: None, error: None, access_key_id, expires_at })
}
