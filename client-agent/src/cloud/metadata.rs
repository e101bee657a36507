//! The instance metadata service of EC2, version 2: it answers only to a token that it has given to
//! this machine.
//!
//! Source: AWS's user guide, "Use the Instance Metadata Service", "Spot Instance interruption
//! notices" and "View scheduled events".

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::Instant;

use lablink_protocol::CloudNotice;

const ANSWER: Duration = Duration::from_secs(2);
const TOKEN_LIFE: Duration = Duration::from_secs(6 * 60 * 60);
const LONGEST_ANSWER: usize = 64 * 1024;

pub struct Metadata {
    http: Client,
    base: Url,
    token: Option<Token>,
}

struct Token {
    value: String,
    since: Instant,
}

#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    #[error("the metadata service does not answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("the metadata service answers {0}")]
    Refused(StatusCode),
    #[error("the metadata service's answer is no {what}")]
    Unreadable { what: &'static str, source: serde_json::Error },
    #[error("the metadata service's answer is too long")]
    TooLong,
}

/// `spot/instance-action`.
#[derive(Deserialize)]
struct InstanceAction {
    action: String,
    time: String,
}

/// One of `events/maintenance/scheduled`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduledEvent {
    code: String,
    #[serde(default)]
    description: String,
    not_before: String,
    #[serde(default)]
    state: String,
}

impl Metadata {
    pub fn new(base: Url) -> anyhow::Result<Self> {
        // No proxy: only this machine itself may ask.
        let http = Client::builder()
            .no_proxy()
            .timeout(ANSWER)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, base, token: None })
    }

    /// What is announced now.
    pub async fn notice(&mut self) -> Result<CloudNotice, MetadataError> {
        let action = self.read::<InstanceAction>("spot/instance-action", "notice").await?;
        if let Some(InstanceAction { action, time }) = action {
            return Ok(CloudNotice::TakenBack { action, time });
        }
        let path = "events/maintenance/scheduled";
        let events = self.read::<Vec<ScheduledEvent>>(path, "list of events").await?;
        let coming = |event: &ScheduledEvent| matches!(event.state.as_str(), "" | "active");
        Ok(match events.into_iter().flatten().find(coming) {
            Some(ScheduledEvent { code, description, not_before, .. }) => {
                CloudNotice::Maintenance { code, description, from: not_before }
            }
            None => CloudNotice::None,
        })
    }

    /// None: there is nothing of this kind.
    async fn read<T: DeserializeOwned>(
        &mut self,
        path: &str,
        what: &'static str,
    ) -> Result<Option<T>, MetadataError> {
        let token = self.token().await?;
        let url = self.url(&format!("latest/meta-data/{path}"));
        let request = self.http.get(url).header("X-aws-ec2-metadata-token", token);
        let answer = request.send().await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let body = bounded(answer).await?;
                let read = serde_json::from_slice(&body);
                read.map(Some).map_err(|source| MetadataError::Unreadable { what, source })
            }
            status => {
                // The token may have been forgotten there.
                self.token = None;
                Err(MetadataError::Refused(status))
            }
        }
    }

    async fn token(&mut self) -> Result<String, MetadataError> {
        if let Some(token) = &self.token
            && token.since.elapsed() < TOKEN_LIFE / 2
        {
            return Ok(token.value.clone());
        }
        let life = TOKEN_LIFE.as_secs().to_string();
        let request = self
            .http
            .request(Method::PUT, self.url("latest/api/token"))
            .header("X-aws-ec2-metadata-token-ttl-seconds", life);
        let answer = request.send().await?;
        if answer.status() != StatusCode::OK {
            return Err(MetadataError::Refused(answer.status()));
        }
        let value = String::from_utf8_lossy(&bounded(answer).await?).into_owned();
        self.token = Some(Token { value: value.clone(), since: Instant::now() });
        Ok(value)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, MetadataError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST_ANSWER {
            return Err(MetadataError::TooLong);
        }
    }
    Ok(body)
}
