use std::fmt;

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use lablink_core::{
    Action, Actor,
    logs::{self, Batch, LogMessage},
    pools::Source,
    vms,
};
use lablink_protocol::Hostname;
use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

use super::batch_body::BatchBody;
use crate::{
    AgentAuth, AppState,
    auth::Caller,
    http::{Problem, VmName},
    metrics,
    wire::Message,
};

const MISSING: &str = "Log group, stream, and messages are required.";
const MOST_MESSAGES: usize = 100_000;
/// `CloudWatch`'s ids have 56 characters.
const LONGEST_EVENT_ID: usize = 256;

#[derive(Deserialize, ToSchema)]
pub struct Forwarded {
    #[schema(value_type = String, min_length = 1)]
    log_group: Option<String>,
    /// The VM's hostname.
    #[schema(value_type = Hostname)]
    log_stream: Option<String>,
    #[schema(value_type = Vec<String>, min_items = 1)]
    messages: Option<Vec<Text>>,
    /// One per message, in milliseconds since 1970, or null.
    timestamps: Option<Vec<Option<i64>>>,
    /// One per message, or null. A message that comes again with the same id is stored once.
    event_ids: Option<Vec<Option<String>>>,
}

/// Stores a batch. Its sender knows one good answer, 200, which a repetition gets as well, and so do
/// lines that are dropped because their VM has sent too many: they would come again and again.
#[utoipa::path(post, path = "", request_body = Forwarded, responses((status = 200, body = Message)))]
pub async fn forward(
    State(state): State<AppState>,
    caller: Caller,
    BatchBody { body: batch, turn: _turn }: BatchBody<Forwarded>,
) -> Result<Json<Message>, Problem> {
    let missing = || Problem::missing(MISSING);
    batch.log_group.as_deref().filter(|group| !group.is_empty()).ok_or_else(missing)?;
    let stream = batch.log_stream.as_deref().filter(|name| !name.is_empty()).ok_or_else(missing)?;
    // A stream that is no hostname is nobody's: the same answer as for a VM that is not there.
    let hostname: Hostname = stream.parse().map_err(|_invalid| VmName::unknown())?;
    let texts = batch.messages.filter(|texts| !texts.is_empty()).ok_or_else(missing)?;
    let scope = caller.may(&state, Action::ForwardLogs, &hostname).await?;
    if scope.actor == Actor::Forwarder {
        let source = vms::source(&scope, &hostname).await?;
        forwardable(source, state.settings.agent_auth)?;
    }
    let messages = messages(texts, batch.timestamps, batch.event_ids)?;
    let mut batch = Batch::of(&messages);
    state.agent_limits.admit(&hostname, &mut batch);
    let stored = logs::append(&scope, &hostname, &batch).await?;
    metrics::log_lines_stored(stored.unsigned_abs());
    metrics::log_lines_dropped(batch.dropped());
    Ok(Json(Message::new("VM logs posted successfully.")))
}

/// Refuses the forwarder's lines for a machine that sends its own log: the forwarder can't know
/// which VM has written to a stream.
fn forwardable(source: Option<Source>, agent_auth: AgentAuth) -> Result<(), Problem> {
    match (source, agent_auth) {
        (Some(Source::Aws), _) | (Some(Source::Unknown), AgentAuth::Open) => Ok(()),
        (None, _) => Err(VmName::unknown()),
        (Some(Source::Local | Source::Manual | Source::Unknown), _) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not_forwarded",
            "This VM's log is not taken from a log group: its agent sends it, with a token of its \
             own.",
        )),
    }
}

fn messages(
    texts: Vec<Text>,
    timestamps: Option<Vec<Option<i64>>>,
    event_ids: Option<Vec<Option<String>>>,
) -> Result<Vec<LogMessage>, Problem> {
    if texts.len() > MOST_MESSAGES {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("messages: at most {MOST_MESSAGES} at once: send them in parts."),
        ));
    }
    let timestamps = one_each("timestamps", timestamps, texts.len())?;
    let event_ids = one_each("event_ids", event_ids, texts.len())?;
    let parts = texts.into_iter().zip(timestamps).zip(event_ids).enumerate();
    parts
        .map(|(nr, ((Text(text), at), sender_id))| {
            Ok(LogMessage { text, at: moment(nr, at)?, sender_id: sound(nr, sender_id)? })
        })
        .collect()
}

/// A list beside `messages`, or as many blanks.
fn one_each<T: Clone>(
    field: &str,
    list: Option<Vec<Option<T>>>,
    count: usize,
) -> Result<Vec<Option<T>>, Problem> {
    let list = list.unwrap_or_else(|| vec![None; count]);
    if list.len() == count {
        return Ok(list);
    }
    Err(Problem::invalid(format!(
        "{field}: one per message is required; there are {} for {count} messages.",
        list.len()
    )))
}

fn moment(nr: usize, milliseconds: Option<i64>) -> Result<Option<Timestamp>, Problem> {
    milliseconds.map(Timestamp::from_millisecond).transpose().map_err(|_out_of_range| {
        Problem::invalid(format!("timestamps[{nr}]: must be milliseconds since 1970."))
    })
}

fn sound(nr: usize, sender_id: Option<String>) -> Result<Option<String>, Problem> {
    match sender_id {
        Some(id) if id.is_empty() || id.len() > LONGEST_EVENT_ID || id.contains('\0') => {
            Err(Problem::invalid(format!(
                "event_ids[{nr}]: must have 1 to {LONGEST_EVENT_ID} characters, none of them NUL."
            )))
        }
        id => Ok(id),
    }
}

/// A text that may hold invalid UTF-8, or an escaped half of a surrogate pair: programs write what
/// they like into their logs, and one odd byte is no reason to lose the batch.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl de::Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
        Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
    }
}
