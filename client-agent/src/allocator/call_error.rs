use std::{error::Error, time::Duration};

use lablink_protocol::{ErrorBody, TOKEN_DUE};
use reqwest::{StatusCode, header};

/// Why a call to the allocator brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("can't reach the allocator")]
    Unreachable(#[source] reqwest::Error),
    #[error("the allocator answered {status}: {sentence}")]
    Refused {
        status: StatusCode,
        /// The word for programs; empty where there is none.
        code: String,
        sentence: String,
        retry_after: Option<Duration>,
    },
    #[error("{0}: write the final address in ALLOCATOR_URL")]
    Redirect(&'static str),
    #[error("the answer is not one of a LabLink allocator: check ALLOCATOR_URL")]
    Unreadable(#[source] serde_json::Error),
    #[error("the new token was not stored, so that the old one stays: {0}")]
    NotStored(String),
    #[error("the answer is too long for one of a LabLink allocator: check ALLOCATOR_URL")]
    TooLong,
    #[error("the allocator, or a proxy before it, opens no WebSocket: see docs/operators.md")]
    NoWebSocket,
}

const LONGEST_SENTENCE: usize = 300;

impl CallError {
    /// Reads an answer that is no success: its status, `Retry-After` in seconds, and the sentence
    /// of its JSON body, where there is one.
    pub fn refused(status: StatusCode, headers: &header::HeaderMap, body: &[u8]) -> Self {
        let (sentence, code) = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => (body.error, body.code),
            Err(_) => {
                let sentence = serde_json::from_slice::<serde_json::Value>(body)
                    .ok()
                    .and_then(|body| body.get("error")?.as_str().map(str::to_owned));
                (sentence.unwrap_or_else(|| "no reason given".to_owned()), String::new())
            }
        };
        let retry_after = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let sentence =
            sentence.chars().filter(|c| !c.is_control()).take(LONGEST_SENTENCE).collect();
        Self::Refused { status, code, sentence, retry_after }
    }

    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Unreachable(_)
            | Self::Redirect(_)
            | Self::Unreadable(_)
            | Self::NotStored(_)
            | Self::TooLong
            | Self::NoWebSocket => None,
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable(_)
            | Self::Redirect(_)
            | Self::Unreadable(_)
            | Self::NotStored(_)
            | Self::TooLong
            | Self::NoWebSocket => None,
        }
    }

    /// The VM's claim has ended or changed hands: nothing is heard of this agent until it has a new
    /// token.
    pub fn is_token_due(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == TOKEN_DUE)
    }

    /// The allocator understood and says no: the same words would be refused again.
    pub fn is_final(&self) -> bool {
        if self.is_token_due() {
            return false;
        }
        let passing =
            [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        self.status().is_some_and(|status| status.is_client_error() && !passing.contains(&status))
    }

    /// The credential is wrong, not what was said: after enrolling anew it may be accepted.
    pub fn is_about_credential(&self) -> bool {
        matches!(self.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
    }

    /// The error with its causes, in one line.
    pub fn chain(&self) -> String {
        let causes = std::iter::successors(self.source(), |&cause| cause.source());
        causes.fold(self.to_string(), |line, cause| format!("{line}: {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> CallError {
        let headers = [(header::RETRY_AFTER, "7".parse().unwrap())].into_iter().collect();
        CallError::refused(status.try_into().unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn an_answer_is_told_in_one_line() {
        let told = |body| refused(503, body).chain();
        let start = "the allocator answered 503 Service Unavailable: ";
        assert_eq!(told(r#"{"error": "Try\nagain."}"#), format!("{start}Tryagain."));
        assert_eq!(told("<html>"), format!("{start}no reason given"));
        assert_eq!(refused(503, "").retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn only_a_refusal_of_what_was_said_is_final() {
        let is_final = |status| refused(status, "").is_final();
        assert!([400, 401, 404, 409, 422].into_iter().all(is_final));
        assert!(![408, 425, 429, 500, 502, 503].into_iter().any(is_final));
        let due = r#"{"error": "Take a new one.", "code": "token_due", "request_id": "1"}"#;
        assert!(refused(403, due).is_token_due() && !refused(403, due).is_final());
        assert!(!refused(403, "{}").is_token_due());
    }
}
