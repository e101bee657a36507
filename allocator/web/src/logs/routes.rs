//! The page of one VM's log.

use askama::Template;
use axum::{
    body::{Body, Bytes},
    extract::{Query as UrlQuery, State, rejection::QueryRejection},
    http::header,
    response::{Html, IntoResponse, Response},
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use lablink_core::{
    logs::{self, FromAws, Line, Place, Query},
    pools::Source,
    startup,
    vms::Vm,
};
use lablink_protocol::VmStatus;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    find::{bad_query, find},
    page::{LogLevels, LogLines, LogPage, LogPart},
    whole::whole,
};
use crate::{
    AgentAuth, AppState,
    auth::Caller,
    http::{Problem, VmName},
    states::vm::VmState,
};

/// Lines of one page.
const SHOWN: i64 = 500;
/// Lines that are looked through for one page of errors: however long a log is, no more are read.
const SEARCHED: i64 = 5_000;
const ERRORS_SHOWN: usize = 500;
/// New lines of one answer.
const BROUGHT_AT_ONCE: i64 = 2_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// Shows the lines before the one with this id.
    before: Option<i64>,
    search: Option<String>,
    /// `error`: only lines that look like errors.
    #[param(inline)]
    level: Option<Level>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
}

#[utoipa::path(get, path = "", params(("hostname" = String, Path), Part), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
    part: Result<UrlQuery<Part>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let UrlQuery(Part { before, search, level }) =
        part.map_err(|rejection| bad_query(&rejection))?;
    let vm = find(&scope, &hostname).await?;
    // Postgres knows no NUL, and no line holds one.
    let search = search.map(|text| text.replace('\0', "")).filter(|text| !text.is_empty());
    let limit = if level.is_some() { SEARCHED } else { SHOWN };
    let query = Query {
        place: before.map_or(Place::End, Place::Before),
        since: None,
        search: search.as_deref(),
        limit,
    };
    let lines = logs::read(&state.db, vm.id, &query).await?;
    let startup = startup::of_vm(&state.db, vm.id).await?;
    let part = match (search, before) {
        (Some(text), _) => LogPart::Found(text),
        (None, Some(_)) => LogPart::Older,
        (None, None) => LogPart::End,
    };
    let is_empty = lines.is_empty() && part == LogPart::End;
    let is_cut = lines.len() as i64 == limit;
    let read_from = lines.first().filter(|_| is_cut).map(|line| line.id);
    let (mut lines, which, earlier) = match level {
        None => (shown(lines), LogLevels::All, read_from),
        Some(Level::Error) => {
            let errors = shown(lines).errors(ERRORS_SHOWN);
            // Where not all of them were shown, the next page goes on with the others.
            let full = errors.first_id().filter(|_| errors.count() == ERRORS_SHOWN);
            (errors, LogLevels::Errors, full.or(read_from))
        }
    };
    if let LogPart::Found(text) = &part {
        lines = lines.marking(text);
    }
    let page = LogPage {
        hostname: vm.hostname.to_string(),
        startup_seconds: startup.total_seconds().map(whole_seconds),
        earlier,
        lines,
        part,
        which,
        waits_for: is_empty.then(|| waits_for(&state, &vm)),
        state: VmState::of(&vm, Timestamp::now(), state.pool.rules().machines.stale_after),
    };
    Ok(Html(page.render()?))
}

#[expect(clippy::cast_possible_truncation, reason = "a start takes no longer than an i64 can tell")]
fn whole_seconds(seconds: f64) -> i64 {
    seconds.round() as i64
}

fn shown(lines: Vec<Line>) -> LogLines {
    LogLines::new(lines.into_iter().map(|line| (line.id, line.at, line.text)))
}

/// Why nothing has been written, and what the page waits for.
fn waits_for(state: &AppState, vm: &Vm) -> String {
    let forwarded = match vm.source {
        Source::Local => {
            return "This VM is a process on the allocator's machine. Its output is agent.log in \
                    the VM's folder; nothing forwards it here."
                .to_owned();
        }
        Source::Manual => false,
        Source::Aws => state.settings.logs_from_aws == FromAws::CloudWatch,
        Source::Unknown => true,
    };
    let reason = match (vm.status, forwarded) {
        (VmStatus::Initializing, true) => {
            "The VM is starting. Its first lines come once cloud-init has installed the log agent, \
             a few minutes after the launch."
        }
        (VmStatus::Initializing, false) => {
            "The VM is starting. It sends its log itself, from the moment when it has enrolled."
        }
        (VmStatus::Running, true) => {
            "The VM is running, but nothing has come from it. Lines come through the log forwarder; \
             look at its own log if this stays so."
        }
        (VmStatus::Running, false) => {
            "The VM is running, but nothing has come from it. Its agent sends them; look at its own \
             log if this stays so."
        }
        (VmStatus::Error | VmStatus::Unknown, _) => {
            "Nothing has come from this VM, so it probably failed before it could send its log. \
             Look at the log of the operation that launched it."
        }
    };
    let can_forward =
        state.settings.log_token.is_some() || state.settings.agent_auth == AgentAuth::Open;
    if !forwarded || can_forward {
        return reason.to_owned();
    }
    format!(
        "{reason} No forwarder can deliver yet: set LABLINK_LOG_TOKEN, here and at the forwarder."
    )
}

#[derive(Deserialize)]
pub struct After {
    /// The id of the last line that the page has.
    after: i64,
}

/// What came after a line, as the page shows it; not all at once if that is much.
pub async fn lines(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
    after: Result<UrlQuery<After>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let UrlQuery(After { after }) = after.map_err(|rejection| bad_query(&rejection))?;
    let vm = find(&scope, &hostname).await?;
    let query =
        Query { place: Place::After(after), since: None, search: None, limit: BROUGHT_AT_ONCE };
    Ok(Html(shown(logs::read(&state.db, vm.id, &query).await?).render()?))
}

/// The whole log as a file of text.
#[utoipa::path(get, path = "", params(("hostname" = String, Path)), responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn download(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    let vm = find(&scope, &hostname).await?;
    let body = match whole(state.db, vm.id).await? {
        Some(pieces) => Body::from_stream(pieces.map_ok(|lines| {
            let text: String = lines.into_iter().map(|line| line.text + "\n").collect();
            Bytes::from(text)
        })),
        None => Body::empty(),
    };
    let name = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let disposition = format!("attachment; filename=\"{}_logs_{name}.txt\"", vm.hostname);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, body).into_response())
}
