use reqwest::Url;

use crate::{
    aws_access::{AccessError, AwsAccess},
    token::{InvalidToken, Stored, Token, TokenSource},
};

/// How the function is set up: by its environment, as AWS gives it.
#[derive(Debug)]
pub struct Settings {
    /// The allocator's `/api/vm-logs`, as a full URL.
    pub endpoint: Url,
    pub token: TokenSource,
    /// The only log group whose lines are taken; none: every group of the function's account.
    pub log_group: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("API_ENDPOINT is not set: write the allocator's full URL, ending in /api/vm-logs")]
    NoEndpoint,
    #[error(
        "API_ENDPOINT is no http or https URL: write it as in https://lablink.example.org/api/vm-logs"
    )]
    Endpoint,
    #[error(
        "set one of LABLINK_LOG_TOKEN, LABLINK_LOG_TOKEN_PARAMETER (a name in Parameter Store) and \
         LABLINK_LOG_TOKEN_SECRET (a name in Secrets Manager); {0} of them are set"
    )]
    TokenSources(usize),
    #[error("LABLINK_LOG_TOKEN can't be used")]
    Token(#[source] InvalidToken),
    #[error("the token is kept in AWS, which this function has no access to")]
    Access(#[source] AccessError),
}

impl Settings {
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// An empty variable counts as not set.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let endpoint: Url = variable("API_ENDPOINT")
            .ok_or(SettingsError::NoEndpoint)?
            .parse()
            .map_err(|_invalid| SettingsError::Endpoint)?;
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(SettingsError::Endpoint);
        }
        let sources = (
            variable("LABLINK_LOG_TOKEN"),
            variable("LABLINK_LOG_TOKEN_PARAMETER"),
            variable("LABLINK_LOG_TOKEN_SECRET"),
        );
        let stored = |what: Stored| {
            let access = AwsAccess::read(variable).map_err(SettingsError::Access)?;
            Ok(TokenSource::Stored { what, access })
        };
        let token = match sources {
            (Some(token), None, None) => {
                TokenSource::Given(Token::new(&token).map_err(SettingsError::Token)?)
            }
            (None, Some(name), None) => stored(Stored::Parameter(name))?,
            (None, None, Some(name)) => stored(Stored::Secret(name))?,
            (given, parameter, secret) => {
                let count = [given, parameter, secret].iter().flatten().count();
                return Err(SettingsError::TokenSources(count));
            }
        };
        Ok(Self { endpoint, token, log_group: variable("LABLINK_LOG_GROUP") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(find).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    const ENDPOINT: (&str, &str) = ("API_ENDPOINT", "https://lablink.example.org/api/vm-logs");
    const TOKEN: (&str, &str) = ("LABLINK_LOG_TOKEN", "s3cret");
    const PARAMETER: (&str, &str) = ("LABLINK_LOG_TOKEN_PARAMETER", "/lablink/test/log-token");

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (variables, says) in [
            (vec![TOKEN], "API_ENDPOINT is not set"),
            (vec![("API_ENDPOINT", ""), TOKEN], "API_ENDPOINT is not set"),
            (vec![("API_ENDPOINT", "lablink.example.org/api/vm-logs"), TOKEN], "no http or https"),
            (vec![("API_ENDPOINT", "ftp://x/api/vm-logs"), TOKEN], "no http or https"),
            (vec![ENDPOINT], "0 of them are set"),
            (vec![ENDPOINT, TOKEN, PARAMETER], "2 of them are set"),
            (vec![ENDPOINT, ("LABLINK_LOG_TOKEN", "a b")], "LABLINK_LOG_TOKEN can't be used"),
            (vec![ENDPOINT, PARAMETER], "AWS_REGION is not set"),
        ] {
            let refused = read(&variables).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
            assert!(!refused.contains("s3cret"));
        }
    }

    #[test]
    fn a_token_never_shows_in_debug_output() {
        let settings = read(&[ENDPOINT, TOKEN]).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        let keys = [
            ("AWS_REGION", "us-west-2"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ];
        let settings = read(&[&[ENDPOINT, PARAMETER][..], &keys].concat()).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
