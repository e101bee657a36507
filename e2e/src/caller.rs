use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use reqwest::{Client, Method, RequestBuilder, Url, header, redirect};
use serde_json::Value;

use crate::Answer;

/// More than any answer takes, `?wait=true` included.
const ANSWER: Duration = Duration::from_secs(60);

/// Somebody who sends requests. Redirects are shown, not followed.
pub struct Caller {
    http: Client,
    base: String,
    kind: Kind,
    login: Option<Login>,
}

enum Login {
    Person { user: String, password: String },
    Token(String),
}

enum Kind {
    Program,
    /// Asks for pages and keeps the cookie that it was given last.
    Browser {
        cookie: Mutex<Option<String>>,
    },
}

impl Caller {
    pub(crate) fn program(port: u16) -> Result<Self> {
        Self::new(port, Kind::Program)
    }

    pub(crate) fn browser(port: u16) -> Result<Self> {
        Self::new(port, Kind::Browser { cookie: Mutex::default() })
    }

    fn new(port: u16, kind: Kind) -> Result<Self> {
        Ok(Self { http: client()?, base: format!("http://127.0.0.1:{port}"), kind, login: None })
    }

    pub(crate) fn signed_in(self, user: &str, password: &str) -> Self {
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { login: Some(Login::Person { user, password }), ..self }
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { login: Some(Login::Token(token.to_owned())), ..self }
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        // A form's encoding is a query's.
        let encoded = Url::parse_with_params(&self.base, fields)?;
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encoded.query().unwrap_or_default().to_owned());
        self.send(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        match &self.login {
            Some(Login::Person { user, password }) => {
                request = request.basic_auth(user, Some(password));
            }
            Some(Login::Token(token)) => request = request.bearer_auth(token),
            None => {}
        }
        match &self.kind {
            Kind::Program => request.header(header::ACCEPT, "application/json"),
            Kind::Browser { cookie } => {
                let pages = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
                let cookie = cookie.lock().ok().and_then(|cookie| cookie.clone());
                let request = request.header(header::ACCEPT, pages);
                match cookie {
                    Some(cookie) => request.header(header::COOKIE, cookie),
                    None => request,
                }
            }
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let answer = Answer::read(request.send().await?).await?;
        if let (Kind::Browser { cookie }, Ok(given)) = (&self.kind, answer.header("set-cookie"))
            && let (Ok(mut cookie), Some(pair)) = (cookie.lock(), given.split(';').next())
        {
            *cookie = Some(pair.to_owned());
        }
        Ok(answer)
    }
}

fn client() -> Result<Client> {
    // reqwest wants one, although nothing here is encrypted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        // A connection kept open would not survive the restarts that these tests are about.
        .pool_max_idle_per_host(0)
        .timeout(ANSWER);
    Ok(client.build()?)
}
