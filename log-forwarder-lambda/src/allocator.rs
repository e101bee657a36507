use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, StatusCode, Url, header::CONTENT_TYPE, redirect};
use serde_json::Value;

use crate::{
    deadline::Deadline,
    part::Part,
    token::{TokenError, TokenSource, Tokens},
};

const CONNECT: Duration = Duration::from_secs(3);
/// A connection that hangs must leave time for another one.
const ANSWER: Duration = Duration::from_secs(10);
const LONGEST_REASON: usize = 4096;

/// The allocator, over connections that stay open across invocations.
pub struct Allocator {
    http: Client,
    endpoint: Url,
    tokens: Tokens,
}

#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the lines could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the allocator can't be reached, or does not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("the allocator answered {status}: {reason}")]
    Refused { status: StatusCode, reason: String },
}

impl DeliveryError {
    /// Whether the same lines would be refused in the same way at any time.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Json(_) => true,
            Self::Token(_) | Self::Unreachable(_) => false,
            Self::Refused { status, .. } => matches!(status.as_u16(), 400 | 404 | 413 | 422),
        }
    }
}

impl Allocator {
    pub fn new(endpoint: Url, token: TokenSource) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(concat!("lablink-log-forwarder/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // Followed, a redirect would make a GET of the POST.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, endpoint, tokens: Tokens::new(token) })
    }

    /// Hands over a part. What may heal is tried again, until the time is up; the last failure is
    /// the error.
    pub async fn deliver(&self, part: &Part<'_>, deadline: Deadline) -> Result<(), DeliveryError> {
        let body = serde_json::to_vec(part)?;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times();
        (|| self.post(body.clone(), deadline))
            .retry(pauses)
            .when(|error| !error.is_permanent())
            .adjust(|_error, pause| pause.filter(|pause| *pause < deadline.left()))
            .notify(|error, pause| {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    pause_ms = pause.as_millis(),
                    "not delivered; trying again"
                );
            })
            .await
    }

    async fn post(&self, body: Vec<u8>, deadline: Deadline) -> Result<(), DeliveryError> {
        let token = self.tokens.get(&self.http).await?;
        let request = self
            .http
            .post(self.endpoint.clone())
            .timeout(ANSWER.min(deadline.left()))
            .header(CONTENT_TYPE, "application/json")
            .bearer_auth(token.reveal())
            .body(body);
        let mut response = request.send().await.map_err(DeliveryError::Unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.tokens.forget().await;
        }
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await
            && answer.len() + chunk.len() <= LONGEST_REASON
        {
            answer.extend_from_slice(&chunk);
        }
        Err(DeliveryError::Refused { status, reason: reason(status, &answer) })
    }
}

/// What the allocator says in the answer, or else what is likely.
fn reason(status: StatusCode, answer: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer["error"].as_str() {
        Some(sentence) => sentence.to_owned(),
        None if status.is_redirection() => {
            "API_ENDPOINT leads elsewhere: write the URL that it leads to".to_owned()
        }
        None => "without a reason".to_owned(),
    }
}
