use aws_lambda_events::cloudwatch_logs::LogEntry;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::payload::Batch;

/// Largest body of one POST, in bytes: proxies commonly take 1 MB.
const LARGEST_BODY: usize = 1_000_000;
/// A longer message becomes several, in bytes. Escaped as JSON it can grow sixfold and still fits.
const LONGEST_MESSAGE: usize = 128 * 1024;
/// Commas and a timestamp, at most.
const BESIDE_MESSAGE: usize = 24;

/// One POST to the allocator's `/api/vm-logs`.
#[derive(Serialize)]
pub struct Part<'a> {
    log_group: &'a str,
    log_stream: &'a str,
    messages: Vec<Box<RawValue>>,
    timestamps: Vec<i64>,
    event_ids: Vec<Box<RawValue>>,
    #[serde(skip)]
    size: usize,
}

impl<'a> Part<'a> {
    /// Divides a batch. The same batch always gives the same ids.
    pub fn of(batch: &'a Batch) -> Result<Vec<Self>, serde_json::Error> {
        let mut parts: Vec<Self> = Vec::new();
        for event in &batch.events {
            for (nr, text) in pieces(&event.message).into_iter().enumerate() {
                let message = to_raw_value(text)?;
                let id = to_raw_value(&id_of_piece(event, nr))?;
                let size = message.get().len() + id.get().len() + BESIDE_MESSAGE;
                let part = match parts.last_mut() {
                    Some(part) if part.size + size <= LARGEST_BODY => part,
                    _ => parts.push_mut(Self::empty(batch)),
                };
                part.messages.push(message);
                part.timestamps.push(event.timestamp);
                part.event_ids.push(id);
                part.size += size;
            }
        }
        Ok(parts)
    }

    fn empty(batch: &'a Batch) -> Self {
        let (log_group, log_stream) = (&*batch.log_group, &*batch.log_stream);
        // Names have at most 512 characters, of one byte each; the rest are the field names.
        let size = 2048;
        let (messages, timestamps, event_ids) = Default::default();
        Self { log_group, log_stream, messages, timestamps, event_ids, size }
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.messages.len()
    }
}

fn id_of_piece(event: &LogEntry, nr: usize) -> String {
    if nr == 0 { event.id.clone() } else { format!("{}+{nr}", event.id) }
}

/// A message in pieces that are not too long, divided between lines where it has several.
fn pieces(message: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), message);
    while rest.len() > LONGEST_MESSAGE {
        let most = rest.floor_char_boundary(LONGEST_MESSAGE);
        let end = rest[..most].rfind('\n').map_or(most, |line_feed| line_feed + 1);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(messages: impl IntoIterator<Item = String>) -> Batch {
        let events = messages.into_iter().enumerate().map(|(nr, message)| {
            let mut event = LogEntry::default();
            (event.id, event.timestamp, event.message) = (format!("{nr:056}"), i64::MAX, message);
            event
        });
        Batch {
            owner: String::new(),
            log_group: "g".repeat(512),
            log_stream: "s".repeat(512),
            events: events.collect(),
        }
    }

    fn bodies(batch: &Batch) -> Vec<serde_json::Value> {
        let parts = Part::of(batch).unwrap();
        let bodies = parts.iter().map(|part| serde_json::to_vec(part).unwrap());
        bodies
            .map(|body| {
                assert!(body.len() < LARGEST_BODY, "{}", body.len());
                serde_json::from_slice(&body).unwrap()
            })
            .collect()
    }

    #[test]
    fn a_small_batch_is_one_part_with_its_ids_and_times() {
        let bodies = bodies(&batch(["a".to_owned(), "\u{1b}[1m\"".to_owned()]));
        let [body] = &bodies[..] else { panic!("{}", bodies.len()) };
        assert_eq!(body["messages"], serde_json::json!(["a", "\u{1b}[1m\""]));
        assert_eq!(body["timestamps"], serde_json::json!([i64::MAX, i64::MAX]));
        assert_eq!(body["event_ids"][1].as_str().unwrap(), format!("{:056}", 1));
    }

    #[test]
    fn parts_stay_under_the_limit_and_hold_everything_in_order() {
        // Empty ones weigh by their ids; those of control characters grow most.
        for texts in [vec![String::new(); 40_000], vec!["\u{1}".repeat(100_000); 20]] {
            let bodies = bodies(&batch(texts.clone()));
            assert!(bodies.len() > 1);
            let ids = bodies.iter().flat_map(|body| body["event_ids"].as_array().unwrap());
            let ids: Vec<_> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
            assert_eq!(ids.len(), texts.len());
            assert!(ids.is_sorted());
        }
    }

    #[test]
    fn a_huge_message_is_divided_between_its_lines_and_nothing_of_it_is_lost() {
        let line = format!("{}\n", "ä".repeat(999));
        let text = format!("{}{}", line.repeat(400), "€".repeat(100_000));
        let bodies = bodies(&batch([text.clone()]));
        let field = |name: &str| -> Vec<String> {
            let values = bodies.iter().flat_map(|body| body[name].as_array().unwrap());
            values.map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(field("messages").concat(), text);
        assert!(field("messages")[0].ends_with("ä\n"));
        let ids = field("event_ids");
        assert_eq!(&ids[0], &format!("{:056}", 0));
        assert_eq!(&ids[1], &format!("{:056}+1", 0));
    }
}
