//! The allocator's API, as its client sees it.

mod credentials;
mod download;
mod error;
mod follow;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder, Response, Url, header, redirect};
use serde::{Serialize, de::DeserializeOwned};

use crate::errors::WrongCall;

pub use credentials::{Credentials, Login};
pub use download::download;
pub use error::{NoAnswer, Refusal};
pub use follow::Events;

/// More than an answer takes that is not a stream.
const ANSWER: Duration = Duration::from_secs(90);
/// A name that does not resolve and a host that is away are found out about sooner.
const CONNECT: Duration = Duration::from_secs(10);

/// Which allocator, and where its login is kept.
#[derive(Debug, Args)]
pub struct Connection {
    /// The allocator's address. Without it, the one that `lablink login` stored last.
    #[arg(long, global = true, env = "LABLINK_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The file with logins, readable by you alone [default: ~/.config/lablink/credentials.json]
    #[arg(long, global = true, env = "LABLINK_CREDENTIALS", value_name = "FILE")]
    pub credentials: Option<PathBuf>,
}

/// An allocator, and a login there.
pub struct Server {
    http: Client,
    url: Url,
    login: Login,
}

impl Connection {
    /// The allocator that is meant, with the login that is stored for it.
    pub fn open(&self) -> Result<Server> {
        let credentials = Credentials::read(&self.credentials_file()?)?;
        let (url, login) = credentials.find(self.server.as_deref())?;
        Server::new(&url, login)
    }

    pub fn credentials_file(&self) -> Result<PathBuf> {
        match &self.credentials {
            Some(file) => Ok(file.clone()),
            None => credentials::default_file(),
        }
    }
}

impl Server {
    /// Asks nobody yet.
    pub fn new(url: &str, login: Login) -> Result<Self> {
        let url = address(url)?;
        let client = Client::builder()
            .user_agent(concat!("lablink/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // The password is for this address alone.
            .redirect(redirect::Policy::none());
        Ok(Self { http: client.build()?, url, login })
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.read(self.request(Method::GET, path).timeout(ANSWER)).await
    }

    /// Begins something. The same request that is sent again begins nothing.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let key = format!("{:032x}", rand::random::<u128>());
        let request = self.request(Method::POST, path).timeout(ANSWER);
        self.read(request.header("idempotency-key", key).json(body)).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.read(self.request(Method::DELETE, path).timeout(ANSWER)).await
    }

    /// An answer that is not JSON, or that goes on: a file, a stream.
    pub async fn open(&self, request: RequestBuilder) -> Result<Response> {
        let answer = request.send().await.map_err(|error| NoAnswer::new(self.url(), error))?;
        error::checked(self.url(), answer).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Login { user, password, .. } = &self.login;
        let request = self.http.request(method, format!("{}{path}", self.url()));
        request.basic_auth(user, Some(password)).header(header::ACCEPT, "application/json")
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let answer = self.open(request).await?;
        let body = answer.bytes().await.map_err(|error| NoAnswer::new(self.url(), error))?;
        serde_json::from_slice(&body)
            .with_context(|| format!("{} does not answer as LabLink does", self.url()))
    }
}

/// A path with these names and values behind it; those without a value are left out.
pub fn asking(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    match Url::parse_with_params("http://x", given) {
        Ok(url) => format!("{path}?{}", url.query().unwrap_or_default()),
        Err(_impossible) => path.to_owned(),
    }
}

/// Of what a person types: `https://` and nothing behind the host.
fn address(typed: &str) -> Result<Url> {
    let wrong =
        || WrongCall(format!("'{typed}' is no address such as https://lablink.example.org."));
    let url = Url::parse(typed).map_err(|_wrong| wrong())?;
    let is_plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(wrong().into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{address, asking};

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        for good in ["https://lab.example.org", "http://127.0.0.1:5000/"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in
            ["lab.example.org", "ftp://x", "https://x/lab", "https://me:secret@x", "https://"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_asked_is_escaped() {
        let path = asking("/api/vms", &[("q", Some("a b&c")), ("after", None)]);
        assert_eq!(path, "/api/vms?q=a+b%26c");
    }
}
