use lablink_protocol::ErrorBody;
use reqwest::{Response, StatusCode};

/// Nobody answered, or not to the end.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {url}: is the address right, and does the allocator run?")]
pub struct NoAnswer {
    url: String,
    source: reqwest::Error,
}

impl NoAnswer {
    pub fn new(url: &str, source: reqwest::Error) -> Self {
        Self { url: url.to_owned(), source: source.without_url() }
    }
}

/// The allocator said no.
#[derive(Debug, thiserror::Error)]
#[error("{}", .body.as_ref().map_or_else(|| format!("the allocator answered {status}"), |it| it.error.clone()))]
pub struct Refusal {
    pub status: StatusCode,
    /// None: something else than LabLink answered, such as a proxy.
    pub body: Option<ErrorBody>,
}

/// It could not do it.
#[derive(Debug, thiserror::Error)]
#[error("{url} answered {status}: {why}")]
pub struct Failed {
    url: String,
    status: StatusCode,
    why: String,
}

/// The answer, if it is a good one.
pub async fn checked(url: &str, answer: Response) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.map_err(|error| NoAnswer::new(url, error))?;
    let body: Option<ErrorBody> = serde_json::from_str(&text).ok();
    if status == StatusCode::UNAUTHORIZED {
        let why = format!("{url} does not know this login: `lablink login {url}` stores another");
        return Err(anyhow::Error::new(Refusal { status, body }).context(why));
    }
    if status.is_client_error() {
        return Err(Refusal { status, body }.into());
    }
    let why = match body {
        Some(body) => format!("{} (request {})", body.error, body.request_id),
        None => "something between here and the allocator says so, or another program".to_owned(),
    };
    Err(Failed { url: url.to_owned(), status, why }.into())
}
