use std::{sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, header};
use serde_json::Value;

use crate::{
    clock::At,
    history::{Answered, Call, Recorder},
    world::ADMIN_PASSWORD,
};

/// Longer than any call of ours should take; silence ends it.
const PATIENCE: Duration = Duration::from_secs(20);
const PAGES: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Sends requests to the load balancer, and notes each of them.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    pub recorder: Arc<Recorder>,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub cookie: Option<String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// In whose name a request is sent.
#[derive(Clone, Copy)]
pub enum As<'a> {
    Nobody,
    /// A browser with the cookie that it was given.
    Browser(Option<&'a str>),
    Organiser,
    OrganisersBrowser,
    /// By its token.
    Agent(&'a str),
}

pub enum Body<'a> {
    None,
    Form(&'a [(&'a str, &'a str)]),
    Json(&'a Value),
}

impl Client {
    pub fn new(port: u16, recorder: Arc<Recorder>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http, base: format!("http://127.0.0.1:{port}"), recorder })
    }

    pub async fn get(&self, who: As<'_>, path: &str) -> Option<Answer> {
        self.send(Method::GET, who, path, Body::None).await
    }

    pub async fn post(&self, who: As<'_>, path: &str, body: Body<'_>) -> Option<Answer> {
        self.send(Method::POST, who, path, body).await
    }

    /// None: no answer came, or only a part of one.
    pub async fn send(
        &self,
        method: Method,
        who: As<'_>,
        path: &str,
        body: Body<'_>,
    ) -> Option<Answer> {
        let what = format!("{method} {path}");
        let request = self.request(method, path, who, body);
        let at = self.recorder.now();
        let answer = read(request).await;
        self.note(at, who, what, &answer);
        answer.ok().map(|(answer, _)| answer)
    }

    fn request(&self, method: Method, path: &str, who: As<'_>, body: Body<'_>) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        let accepts = match who {
            As::Browser(_) | As::OrganisersBrowser => PAGES,
            As::Nobody | As::Organiser | As::Agent(_) => "application/json",
        };
        request = request.header(header::ACCEPT, accepts);
        request = match who {
            As::Nobody | As::Browser(None) => request,
            As::Browser(Some(cookie)) => request.header(header::COOKIE, cookie),
            As::Organiser | As::OrganisersBrowser => {
                request.basic_auth("admin", Some(ADMIN_PASSWORD))
            }
            As::Agent(token) => request.bearer_auth(token),
        };
        match body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Form(fields) => {
                // A form's encoding is a query's.
                let url = reqwest::Url::parse_with_params(&self.base, fields);
                let text = url.ok().and_then(|url| url.query().map(str::to_owned));
                request
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(text.unwrap_or_default())
            }
        }
    }

    fn note(
        &self,
        at: At,
        who: As<'_>,
        what: String,
        answer: &Result<(Answer, bool), reqwest::Error>,
    ) {
        let answer = match answer {
            Ok((Answer { status, body, .. }, retry_after)) => Answered::Status {
                status: *status,
                retry_after: *retry_after,
                body: if *status >= 500 { body.chars().take(300).collect() } else { String::new() },
            },
            Err(error) if error.is_timeout() => Answered::Lost("no answer in time".to_owned()),
            Err(_broken) => Answered::Lost("the connection broke".to_owned()),
        };
        let who = match who {
            As::Nobody => "program",
            As::Browser(_) => "browser",
            As::Organiser => "organiser",
            As::OrganisersBrowser => "organiser's browser",
            As::Agent(_) => "agent",
        };
        let call = Call { at, took: self.recorder.now() - at, who: who.to_owned(), what, answer };
        self.recorder.history().calls.push(call);
    }
}

/// The answer, and whether it says when to come again.
async fn read(request: RequestBuilder) -> Result<(Answer, bool), reqwest::Error> {
    let response = request.send().await?;
    let text = |name: header::HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (location, retry_after) = (text(header::LOCATION), text(header::RETRY_AFTER).is_some());
    let cookie = text(header::SET_COOKIE).and_then(|it| Some(it.split(';').next()?.to_owned()));
    let status = response.status().as_u16();
    Ok((Answer { status, location, cookie, body: response.text().await? }, retry_after))
}
