//! What a machine that is registered by hand fetches: the script, and the agent's program.

use std::net::IpAddr;

use axum::{
    body::Body,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::{fs::File, io::AsyncReadExt};
use utoipa::IntoParams;

use crate::{
    AppState,
    http::{Client, Problem, Query},
    links,
    state::AgentProgram,
};

const SCRIPT: &str = include_str!("../../assets/install.sh");
const PIECE: usize = 64 * 1024;

/// The script, with our address before it.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/x-shellscript", body = String)))]
pub async fn script(State(state): State<AppState>, client: Client) -> Result<Response, Problem> {
    let origin = checked_origin(&state, &client)?;
    let content_type = [(header::CONTENT_TYPE, "text/x-shellscript; charset=utf-8")];
    Ok((content_type, script_from(&state, &origin)).into_response())
}

pub fn script_from(state: &AppState, origin: &str) -> String {
    let agent = &state.settings.agent;
    let program = match &agent.program {
        Some(AgentProgram::Elsewhere { url, .. }) => url.clone(),
        Some(AgentProgram::Here(_)) | None => links::agent_program(origin),
    };
    let rules = state.pool.rules();
    let settings = [
        ("LABLINK_ALLOCATOR", origin),
        ("LABLINK_AGENT_PROGRAM_URL", &program),
        ("LABLINK_SOFTWARE", &rules.machines.software),
    ];
    let settings: String =
        settings.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
    settings + SCRIPT
}

/// The address at which the machine reaches us. It may come from the `Host` header and becomes part
/// of a script, so only the letters of an address pass. Neither the script, which root runs, nor
/// the token goes over plain HTTP unless the operator allows it.
pub fn checked_origin(state: &AppState, client: &Client) -> Result<String, Problem> {
    let origin = state.origin(client);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    if host.is_empty() || !origin.chars().all(plain) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "no_address",
            "Call this by the allocator's own address: the Host header, or what the proxy makes \
             of it, is missing or strange.",
        ));
    }
    if !state.settings.agent.allow_http && !origin.starts_with("https://") && !is_loopback(&origin)
    {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "https_required",
            "Machines can't be registered over plain HTTP: anybody on the way could change what \
             is installed, and take the machine's token. Open this page by https. In a network \
             that you trust, the operator can set install.allow_http: true.",
        ));
    }
    Ok(origin)
}

/// Whether what is sent to this address never leaves the machine.
fn is_loopback(origin: &str) -> bool {
    let uri: Option<Uri> = origin.parse().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A word for the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Machine {
    /// As `uname -m` says it.
    #[serde(default)]
    arch: String,
}

/// The agent's program, if it runs on the caller's kind of machine.
#[utoipa::path(get, path = "", params(Machine), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn program(
    State(state): State<AppState>,
    Query(Machine { arch }): Query<Machine>,
) -> Result<Response, Problem> {
    let missing = || {
        Problem::not_found(
            "There is no agent program here: set --agent-program, or --agent-url for machines.",
        )
    };
    if !arch.is_empty() && arch != std::env::consts::ARCH {
        return Err(Problem::not_found(format!(
            "The agent program here is for {} machines: set --agent-url to one for yours.",
            std::env::consts::ARCH
        )));
    }
    let Some(AgentProgram::Here(path)) = &state.settings.agent.program else {
        return Err(missing());
    };
    let file = File::open(path).await.map_err(|_gone| missing())?;
    let length = file.metadata().await.map_err(|_gone| missing())?.len();
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_means_nothing_to_the_shell() {
        assert_eq!(quoted("a'; rm -rf $HOME"), r"'a'\''; rm -rf $HOME'");
    }

    #[test]
    fn only_what_stays_on_the_machine_is_loopback() {
        for origin in ["http://localhost:5000", "http://127.0.0.9", "http://[::1]:5000"] {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in ["http://lab", "http://10.0.0.1", "http://localhost.evil.org", "http://[::2]"]
        {
            assert!(!is_loopback(origin), "{origin}");
        }
    }
}
