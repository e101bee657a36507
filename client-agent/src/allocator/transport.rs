use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Upgraded, Url, header, redirect};
use serde::Serialize;

use super::{call_error::CallError, url::AllocatorUrl};

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(20);
/// What the network may add to the time that the allocator holds a request.
const BEYOND_HOLD: Duration = Duration::from_secs(15);
const MOST_REDIRECTS: usize = 5;
const LONGEST_BODY: usize = 64 * 1024;

/// Calls the allocator.
pub struct Transport {
    http: Client,
    base: AllocatorUrl,
}

/// One call: `hold` is how long the allocator may keep it open before it answers.
pub struct Call<'a, B> {
    pub path: &'a str,
    pub body: &'a B,
    pub hold: Option<Duration>,
}

impl Transport {
    pub fn new(base: AllocatorUrl) -> anyhow::Result<Self> {
        let http = Client::builder()
            .user_agent(concat!("lablink-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .build()
            .context("can't set up HTTPS: does this machine have CA certificates?")?;
        Ok(Self { http, base })
    }

    /// The body of a successful answer. A redirect is followed with the same method and body,
    /// unlike a browser's: load balancers turn http into https with 301, and a GET would be lost.
    pub async fn post<B: Serialize>(
        &self,
        call: &Call<'_, B>,
        bearer: Option<&str>,
    ) -> Result<Vec<u8>, CallError> {
        read(self.follow(call.path, |url| self.posting(url, call, bearer)).await?).await
    }

    /// As [`Self::post`], but only asks.
    pub async fn get(&self, path: &str, bearer: Option<&str>) -> Result<Vec<u8>, CallError> {
        let get = |url| authorised(self.http.get(url).timeout(ANSWER), bearer);
        read(self.follow(path, get).await?).await
    }

    /// Opens a WebSocket (RFC 6455) at `path`: `key` is what we ask by, `accept` what has to come.
    pub async fn upgrade(
        &self,
        path: &str,
        (key, accept): (&str, &str),
        bearer: Option<&str>,
    ) -> Result<Upgraded, CallError> {
        let ask = |url| {
            let request = self.http.get(url).timeout(ANSWER);
            let request = request.header(header::CONNECTION, "Upgrade");
            let request = request.header(header::UPGRADE, "websocket");
            let request = request.header(header::SEC_WEBSOCKET_VERSION, "13");
            authorised(request.header(header::SEC_WEBSOCKET_KEY, key), bearer)
        };
        let answer = self.follow(path, ask).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            read(answer).await?;
            return Err(CallError::NoWebSocket);
        }
        if answer.headers().get(header::SEC_WEBSOCKET_ACCEPT).is_none_or(|it| it != accept) {
            return Err(CallError::NoWebSocket);
        }
        answer.upgrade().await.map_err(CallError::Unreachable)
    }

    async fn follow(
        &self,
        path: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<Response, CallError> {
        let mut url = self
            .base
            .endpoint(path)
            .map_err(|_invalid| CallError::Redirect("the allocator's address is damaged"))?;
        for _ in 0..=MOST_REDIRECTS {
            let response = request(url.clone()).send().await.map_err(CallError::Unreachable)?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            url = target(&url, &response)?;
        }
        Err(CallError::Redirect("the allocator's address redirects in a circle"))
    }

    fn posting<B: Serialize>(
        &self,
        url: Url,
        call: &Call<'_, B>,
        bearer: Option<&str>,
    ) -> RequestBuilder {
        let mut request = self
            .http
            .post(url)
            .timeout(call.hold.map_or(ANSWER, |hold| hold + BEYOND_HOLD))
            .json(call.body);
        if let Some(hold) = call.hold {
            request = request.header("prefer", format!("wait={}", hold.as_secs()));
        }
        authorised(request, bearer)
    }
}

fn authorised(request: RequestBuilder, bearer: Option<&str>) -> RequestBuilder {
    match bearer {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

/// Where a redirect leads: only to the same host, and never from https back to http, since the
/// agent's token goes along.
fn target(from: &Url, response: &Response) -> Result<Url, CallError> {
    let to = response
        .headers()
        .get(header::LOCATION)
        .and_then(|location| from.join(location.to_str().ok()?).ok())
        .ok_or(CallError::Redirect("the allocator's address redirects to nowhere"))?;
    if to.host_str() != from.host_str() {
        return Err(CallError::Redirect("the allocator's address redirects to another host"));
    }
    match (from.scheme(), to.scheme()) {
        ("http", "http") | (_, "https") => Ok(to),
        _ => Err(CallError::Redirect("the allocator's address redirects from https to http")),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(CallError::Unreachable)? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(CallError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    if response.status().is_success() {
        Ok(body)
    } else {
        Err(CallError::refused(response.status(), response.headers(), &body))
    }
}
