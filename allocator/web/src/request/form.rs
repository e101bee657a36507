//! The form as it was typed, and its page.

use lablink_core::{Scope, line, vms};
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::{RequestPage, RequestProblem};
use crate::{AppState, http::Problem, states::asks_command::AsksCommand};

#[derive(Default, Deserialize, ToSchema)]
pub struct RequestVm {
    #[serde(default)]
    #[schema(
        required,
        max_length = 254,
        pattern = r"^[A-Za-z0-9]{1,40}@[a-z0-9]{1,40}\.(org|edu)$"
    )]
    pub email: String,
    /// The command that Chrome Remote Desktop shows for Debian Linux. Not needed where the desktop is
    /// shown in the browser's tab.
    #[serde(default)]
    #[schema(
        max_length = 4096,
        pattern = r"^start-host --code=[A-Za-z0-9_/][A-Za-z0-9_/-]{0,99}$"
    )]
    pub crd_command: String,
    /// What the organiser gave out, if the form asks for it.
    #[serde(default)]
    pub access_code: String,
}

pub async fn free(scope: &Scope) -> Result<i64, Problem> {
    Ok(vms::free(scope).await?)
}

pub async fn filled(
    state: &AppState,
    scope: &Scope,
    typed: RequestVm,
    problem: Option<RequestProblem>,
) -> Result<RequestPage, Problem> {
    let RequestVm { email, crd_command, access_code } = typed;
    let asks = match problem {
        Some(RequestProblem::NeedsCommand) => AsksCommand::Always,
        _ => AsksCommand::of(state.pool.rules().claiming.desktop),
    };
    Ok(RequestPage {
        free: free(scope).await?,
        waiting: line::count(scope).await?,
        own: None,
        email,
        crd_command,
        asks,
        access_code: state.pool.rules().claiming.access_code.map(|_| access_code),
        problem,
    })
}
