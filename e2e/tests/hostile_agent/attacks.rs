use std::{io::Write, sync::OnceLock};

use flate2::{Compression, write::GzEncoder};
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

use crate::world::Hostile;

/// What somebody with a VM's token may do.
#[derive(Clone, Copy)]
pub enum Attack {
    /// A body of few bytes that is a million lines.
    Lines,
    /// The same, with an event's id that each line stores.
    EventIds,
    Searches,
    /// One status, then the other.
    Flips,
    /// Ever new keys of start timings.
    Metrics,
    Heartbeats,
    /// Asks for its claim, which is not there.
    Waits,
}

pub const ALL: [Attack; 7] = [
    Attack::Lines,
    Attack::EventIds,
    Attack::Searches,
    Attack::Flips,
    Attack::Metrics,
    Attack::Heartbeats,
    Attack::Waits,
];

impl Attack {
    pub fn name(self) -> &'static str {
        match self {
            Self::Lines => "a million lines in 2 kB",
            Self::EventIds => "long ids of events",
            Self::Searches => "searches of its log",
            Self::Flips => "status flips",
            Self::Metrics => "new keys of timings",
            Self::Heartbeats => "heartbeats",
            Self::Waits => "waits",
        }
    }

    /// Goes on until it is aborted.
    pub fn begin(self, hostile: &Hostile) -> Vec<AbortHandle> {
        let connections = match self {
            Self::Lines | Self::EventIds | Self::Metrics => 4,
            Self::Flips | Self::Waits => 8,
            Self::Searches | Self::Heartbeats => 16,
        };
        // Makes the bodies, which takes a moment.
        drop(self.request(hostile, 0));
        hostile.repeat(connections, move |it, nr| self.request(it, nr))
    }

    /// One of its requests.
    pub fn request(self, it: &Hostile, nr: u64) -> RequestBuilder {
        match self {
            Self::Lines => {
                static BODY: OnceLock<Vec<u8>> = OnceLock::new();
                batch(it, BODY.get_or_init(|| packed(&lines(1_000_000, None))).clone())
            }
            Self::EventIds => {
                static BODIES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
                let body = |nr| packed(&lines(200_000, Some(format!("{nr:0>256}"))));
                let bodies = BODIES.get_or_init(|| (0..16).map(body).collect());
                let which = usize::try_from(nr).unwrap_or_default() % bodies.len();
                batch(it, bodies[which].clone())
            }
            Self::Searches => {
                let path = format!("/api/vm-logs/{}?search=nothing-{nr}", it.host());
                it.http.get(format!("{}{path}", it.base))
            }
            Self::Flips => {
                let status = if nr % 16 < 8 { "running" } else { "error" };
                post(it, "/api/vm-status", &json!({ "hostname": it.host(), "status": status }))
            }
            Self::Metrics => {
                let keys = (0..50).map(|key| (format!("key-{nr}-{key}"), "x".repeat(300).into()));
                let body: Value = keys.collect::<Map<_, _>>().into();
                post(it, &format!("/api/vm-metrics/{}", it.host()), &body)
            }
            Self::Heartbeats => post(it, "/api/agent/heartbeat", &json!({ "hostname": it.host() })),
            Self::Waits => post(it, "/vm_startup", &json!({ "hostname": it.host() }))
                .header("prefer", "wait=0"),
        }
    }
}

fn lines(count: usize, event_id: Option<String>) -> Value {
    json!({
        "log_group": "hostile",
        "log_stream": "hostile.example.org",
        "messages": ["\n".repeat(count - 1) + "x"],
        "event_ids": event_id.map(|id| [id]),
    })
}

fn packed(body: &Value) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packing.write_all(body.to_string().as_bytes()).and_then(|()| packing.finish());
    packed.unwrap_or_default()
}

fn batch(hostile: &Hostile, packed: Vec<u8>) -> RequestBuilder {
    hostile
        .http
        .post(format!("{}/api/vm-logs", hostile.base))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(packed)
}

fn post(hostile: &Hostile, path: &str, body: &Value) -> RequestBuilder {
    hostile.http.post(format!("{}{path}", hostile.base)).json(body)
}
