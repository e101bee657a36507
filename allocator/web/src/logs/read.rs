use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Query as UrlQuery, rejection::QueryRejection},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use lablink_core::{
    Db, DbError,
    logs::{self, Line, Place, Query},
    vms::Vm,
};
use lablink_protocol::{
    Hostname, VmStatus,
    organisers::{LogLine, LogPage},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    find::{bad_query, find},
    whole::whole,
};
use crate::{
    auth::Caller,
    budgets::Reader,
    http::{Problem, VmName, moment},
};

const LIMIT: i64 = 500;
const LARGEST_LIMIT: i64 = 5_000;

/// Without any of these the answer is the whole log, as the original's.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[cfg_attr(test, derive(Default))]
pub struct Wanted {
    /// How many lines from the end.
    tail: Option<i64>,
    /// Lines before, or after, the one with this id: at most `limit`.
    before: Option<i64>,
    after: Option<i64>,
    limit: Option<i64>,
    /// ISO 8601 or unix seconds.
    since: Option<String>,
    search: Option<String>,
}

/// The whole log, or one page of it.
#[utoipa::path(get, path = "", params(("hostname" = String, Path), Wanted), responses((status = 200, description = "A page, or without any parameter all of it.", body = inline(Answer))))]
pub async fn read(
    Caller(scope): Caller,
    VmName(hostname): VmName,
    reader: Reader,
    wanted: Result<UrlQuery<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(wanted) = wanted.map_err(|rejection| bad_query(&rejection))?;
    let vm = find(&scope, &hostname).await?;
    match query(&wanted)? {
        Some(query) => {
            // A moment is found by looking through all lines before it as well.
            let looks_through = query.search.is_some() || query.since.is_some();
            let _reading = if looks_through { reader.search()? } else { None };
            let lines = logs::read(&scope.db, vm.id, &query).await?;
            Ok(Json(page(&vm, query.place, &lines)).into_response())
        }
        None => all(scope.db, &reader, &vm).await,
    }
}

/// The page that is wanted. None: all.
fn query(wanted: &Wanted) -> Result<Option<Query<'_>>, Problem> {
    let place = match (wanted.tail, wanted.before, wanted.after) {
        (None, None, None) if wanted.since.is_some() => Place::After(0),
        (_, None, None) => Place::End,
        (None, Some(id), None) => Place::Before(id),
        (None, None, Some(id)) => Place::After(id),
        _ => return Err(Problem::invalid("Give one of tail, before and after, not several.")),
    };
    let limit = wanted.tail.or(wanted.limit).unwrap_or(LIMIT);
    if !(1..=LARGEST_LIMIT).contains(&limit) {
        let field = if wanted.tail.is_some() { "tail" } else { "limit" };
        return Err(Problem::invalid(format!("{field}: must be from 1 to {LARGEST_LIMIT}.")));
    }
    let since = wanted.since.as_deref().map(|text| {
        moment::parse(text).ok_or_else(|| {
            Problem::invalid("since: must be a time such as 2026-03-01T09:00:00Z, or unix seconds.")
        })
    });
    let query = Query { place, since: since.transpose()?, search: wanted.search.as_deref(), limit };
    if query.search.is_some_and(|text| text.contains('\0')) {
        return Err(Problem::invalid("search: can't hold the character NUL."));
    }
    let is_paged = wanted.tail.is_some() || wanted.limit.is_some() || query.search.is_some();
    let is_whole = !is_paged && query.place == Place::End;
    Ok(if is_whole { None } else { Some(query) })
}

/// One of two forms, by what was asked.
#[derive(ToSchema)]
#[schema(as = LogAnswer)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answers, one of which is streamed")]
enum Answer {
    Page(LogPage),
    Whole(WholeLog),
}

/// The lines joined by line feeds; null where nothing came yet.
#[derive(Serialize, ToSchema)]
struct WholeLog {
    hostname: Hostname,
    #[schema(required)]
    logs: Option<String>,
}

pub fn log_line(line: &Line) -> LogLine {
    LogLine { id: line.id, at: line.at, line: line.text.clone() }
}

fn page(vm: &Vm, place: Place, lines: &[Line]) -> LogPage {
    let last = lines.last().map(|line| line.id);
    let after = match place {
        Place::After(id) => last.or(Some(id)),
        Place::End | Place::Before(_) => last,
    };
    LogPage {
        hostname: vm.hostname.clone(),
        lines: lines.iter().map(log_line).collect(),
        before: lines.first().map(|line| line.id),
        after,
    }
}

/// The original's answer: the lines as one string, or null.
async fn all(db: Db, reader: &Reader, vm: &Vm) -> Result<Response, Problem> {
    let reading = reader.stream()?;
    match whole(db, vm.id).await? {
        Some(pieces) => {
            let pieces = pieces.inspect(move |_| {
                let _until_its_end = &reading;
            });
            let body = Body::from_stream(as_json(vm, pieces));
            Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
        }
        None if vm.status == VmStatus::Initializing => {
            Err(Problem::try_again("no_logs_yet", "VM is installing CloudWatch agent.", 5))
        }
        None => {
            let empty = WholeLog { hostname: vm.hostname.clone(), logs: None };
            Ok(Json(empty).into_response())
        }
    }
}

fn as_json<S: Stream<Item = Result<Vec<Line>, DbError>>>(
    vm: &Vm,
    pieces: S,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<S> {
    let start = format!(r#"{{"hostname":"{}","logs":""#, vm.hostname);
    let mut separator = "";
    let text = pieces.map_ok(move |lines| {
        let mut json = String::new();
        for line in &lines {
            let quoted = Value::from(line.text.as_str()).to_string();
            json.push_str(separator);
            json.push_str(&quoted[1..quoted.len() - 1]);
            separator = r"\n";
        }
        Bytes::from(json)
    });
    let start = stream::once(async { Ok(Bytes::from(start)) });
    start.chain(text).chain(stream::once(async { Ok(Bytes::from_static(b"\"}\n")) }))
}
