//! Machines that somebody already has: into the pool, and out of it again.

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use lablink_core::vms::{self, Registered};
use lablink_protocol::{Hostname, organisers::RegisteredBody};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    page::{InstallPage, MachineField, MachinePage, SshTyped},
    ssh::{Ssh, SshFields},
};
use crate::{
    AppState,
    agents::installer::Installer,
    auth::Asking,
    http::{Client, FormOrJson, Problem, VmName, Wants},
};

/// The page that registers a machine.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page() -> Result<Html<String>, Problem> {
    let page = MachinePage { hostname: String::new(), ssh: SshTyped::default(), problem: None };
    Ok(Html(page.render()?))
}

/// What a form sends; a browser's has fields for SSH as well.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of `Register`")]
pub struct RegisterForm {
    /// Made up when absent or empty.
    #[schema(pattern = r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$")]
    hostname: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct Register {
    /// Made up when absent; a form sends an empty text for that.
    #[schema(pattern = r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$")]
    hostname: Option<String>,
    /// Without it, its results can't be collected.
    ssh: Option<Ssh>,
    /// A browser's.
    #[serde(flatten)]
    #[schema(ignore)]
    fields: SshFields,
}

/// Registers a machine, and tells once how its agent gets there.
#[utoipa::path(post, path = "", request_body(content((RegisterForm = "application/x-www-form-urlencoded"), (Register = "application/json"))), responses((status = 201, body = RegisteredBody)))]
pub async fn register(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    client: Client,
    FormOrJson(wish): FormOrJson<Register>,
) -> Result<Response, Problem> {
    let installer = Installer::prepare(&state, &client).await;
    let Register { hostname, ssh, fields } = wish;
    let typed = hostname.unwrap_or_default().trim().to_owned();
    let ssh = ssh.map_or_else(|| fields.read(), |ssh| Ok(Some(ssh)));
    let registered = async {
        let installer = installer.map_err(|problem| (MachineField::None, problem))?;
        let wrong_ssh = |problem| (MachineField::Ssh, problem);
        let ssh = match ssh.map_err(wrong_ssh)? {
            Some(ssh) => {
                let sealed = ssh.sealed(state.secret_key.as_ref(), state.settings.ssh_addresses);
                Some(sealed.await.map_err(wrong_ssh)?)
            }
            None => None,
        };
        let wrong_name = |problem| (MachineField::Hostname, problem);
        let hostname = parse(&typed).map_err(wrong_name)?;
        let registered = vms::register(&scope, hostname, ssh.as_ref());
        let registered = registered.await.map_err(|error| wrong_name(error.into()))?;
        Ok((installer, registered))
    };
    match (registered.await, wants) {
        (Ok((installer, registered)), _) => {
            told(wants, StatusCode::CREATED, &installer, registered)
        }
        (Err((_, problem)), Wants::Json) => Err(problem),
        (Err((field, problem)), Wants::Page) => {
            let told = Some((field, problem.message().to_owned()));
            let page = MachinePage { hostname: typed, ssh: fields.typed(), problem: told };
            Ok(problem.with_page(page.render()?))
        }
    }
}

fn parse(typed: &str) -> Result<Option<Hostname>, Problem> {
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong = |error| Problem::invalid(format!("hostname: {error}"));
    typed.parse().map(Some).map_err(wrong)
}

/// Another command for a machine that was registered: the one before is void.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)), responses((status = 200, content((RegisteredBody = "application/json"), (String = "text/html")))))]
pub async fn install(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    client: Client,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    let installer = Installer::prepare(&state, &client).await?;
    let registered = vms::renew_enrolment(&scope, hostname).await?;
    told(wants, StatusCode::OK, &installer, registered)
}

fn told(
    wants: Wants,
    status: StatusCode,
    installer: &Installer,
    registered: Registered,
) -> Result<Response, Problem> {
    let Registered { hostname, enrolment_token, expires_at } = registered;
    let command = installer.command(&enrolment_token, &hostname);
    Ok(match wants {
        Wants::Page => {
            let page = InstallPage { hostname: hostname.to_string(), command, expires_at };
            (status, Html(page.render()?)).into_response()
        }
        Wants::Json => {
            let body = RegisteredBody {
                hostname,
                enrolment_token: enrolment_token.reveal().to_owned(),
                install_command: command,
                expires_at,
            };
            (status, Json(body)).into_response()
        }
    })
}
