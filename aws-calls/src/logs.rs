//! Groups of log lines.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Aws, CallError,
    call::Service,
    quotas::{json_error, json_request, parsed},
};

static LOGS: Service = Service {
    host: "logs",
    signed_as: "logs",
    id: "CloudWatch Logs",
    signs_bodies: false,
    parse_error: json_error,
};

impl Aws {
    /// Whether there is a group of this name. Needs `logs:DescribeLogGroups`.
    pub async fn has_log_group(&self, name: &str) -> Result<bool, CallError> {
        let asked = json!({ "logGroupNamePrefix": name });
        let answer: Groups = self.logs("DescribeLogGroups", &asked).await?;
        Ok(answer.log_groups.iter().any(|group| group.log_group_name == name))
    }

    /// Its last lines, of the stream that was written to last; at most `count`. Needs
    /// `logs:DescribeLogStreams` and `logs:GetLogEvents`.
    pub async fn last_log_lines(&self, group: &str, count: u32) -> Result<Vec<String>, CallError> {
        let asked = json!({ "logGroupName": group, "orderBy": "LastEventTime", "descending": true,
                            "limit": 1 });
        let answer: Streams = self.logs("DescribeLogStreams", &asked).await?;
        let Some(stream) = answer.log_streams.into_iter().next() else { return Ok(Vec::new()) };
        let asked = json!({ "logGroupName": group, "logStreamName": stream.log_stream_name,
                            "limit": count });
        let answer: Events = self.logs("GetLogEvents", &asked).await?;
        Ok(answer.events.into_iter().map(|event| event.message).collect())
    }

    /// Removes a group with all its lines. Needs `logs:DeleteLogGroup`.
    pub async fn delete_log_group(&self, name: &str) -> Result<(), CallError> {
        self.logs_call("DeleteLogGroup", &json!({ "logGroupName": name })).await.map(drop)
    }

    async fn logs<A: DeserializeOwned>(
        &self,
        call: &'static str,
        asked: &Value,
    ) -> Result<A, CallError> {
        parsed(call, &self.logs_call(call, asked).await?)
    }

    async fn logs_call(&self, call: &'static str, asked: &Value) -> Result<String, CallError> {
        let region = self.region_for(call)?;
        self.call(&LOGS, region, json_request(call, format!("Logs_20140328.{call}"), asked)).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    #[serde(default)]
    log_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Streams {
    #[serde(default)]
    log_streams: Vec<Stream>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    log_stream_name: String,
}

#[derive(Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    message: String,
}
