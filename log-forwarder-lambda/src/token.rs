use std::fmt;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    aws::{self, AwsAction, AwsError},
    aws_access::AwsAccess,
};

/// What shows the allocator that the lines come from the log group. Does not show itself.
#[derive(Clone)]
pub struct Token(String);

#[derive(Debug, thiserror::Error)]
#[error("it must be of visible ASCII characters, without spaces in between")]
pub struct InvalidToken;

impl Token {
    /// Spaces and line ends around it are not part of it: editors leave them.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let is_sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_sound.then(|| Self(text.to_owned())).ok_or(InvalidToken)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[derive(Debug)]
pub enum TokenSource {
    /// In the environment.
    Given(Token),
    Stored {
        what: Stored,
        access: AwsAccess,
    },
}

/// A name under which AWS keeps the token.
#[derive(Debug)]
pub enum Stored {
    /// In Systems Manager's Parameter Store.
    Parameter(String),
    /// In Secrets Manager: a name or an ARN.
    Secret(String),
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the log token could not be read from {0:?}")]
    Unread(String, #[source] AwsError),
    #[error("{0:?} holds no log token")]
    NoText(String),
    #[error("{0:?} holds no log token")]
    Invalid(String, #[source] InvalidToken),
}

impl Stored {
    fn name(&self) -> &str {
        match self {
            Self::Parameter(name) | Self::Secret(name) => name,
        }
    }

    async fn read(&self, http: &Client, access: &AwsAccess) -> Result<Token, TokenError> {
        let name = self.name();
        let (action, input, place) = match self {
            Self::Parameter(_) => (
                AwsAction { service: "ssm", target: "AmazonSSM.GetParameter" },
                json!({ "Name": name, "WithDecryption": true }),
                "/Parameter/Value",
            ),
            Self::Secret(_) => (
                AwsAction { service: "secretsmanager", target: "secretsmanager.GetSecretValue" },
                json!({ "SecretId": name }),
                "/SecretString",
            ),
        };
        let answer = aws::call(http, access, &action, &input)
            .await
            .map_err(|error| TokenError::Unread(name.to_owned(), error))?;
        let text = answer.pointer(place).and_then(Value::as_str);
        let text = text.ok_or_else(|| TokenError::NoText(name.to_owned()))?;
        Token::new(text).map_err(|invalid| TokenError::Invalid(name.to_owned(), invalid))
    }
}

/// Reads the token when it is first asked for, and keeps it across invocations.
pub struct Tokens {
    source: TokenSource,
    read: Mutex<Option<Token>>,
}

impl Tokens {
    pub fn new(source: TokenSource) -> Self {
        Self { source, read: Mutex::default() }
    }

    pub async fn get(&self, http: &Client) -> Result<Token, TokenError> {
        let (what, access) = match &self.source {
            TokenSource::Given(token) => return Ok(token.clone()),
            TokenSource::Stored { what, access } => (what, access),
        };
        let mut read = self.read.lock().await;
        if let Some(token) = &*read {
            return Ok(token.clone());
        }
        let token = what.read(http, access).await?;
        *read = Some(token.clone());
        Ok(token)
    }

    /// The allocator did not take it: it may have been changed since it was read.
    pub async fn forget(&self) {
        *self.read.lock().await = None;
    }
}
