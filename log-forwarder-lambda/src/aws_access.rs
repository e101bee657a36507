use aws_credential_types::Credentials;
use reqwest::Url;

/// What Lambda gives a function to speak to AWS with. Its keys are valid for as long as the process
/// lives, so they are read once.
#[derive(Clone, Debug)]
pub struct AwsAccess {
    pub region: String,
    pub credentials: Credentials,
    /// Instead of AWS's own (`AWS_ENDPOINT_URL`).
    pub endpoint: Option<Url>,
}

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("{0} is not set: Lambda sets it for every function")]
    Missing(&'static str),
    #[error("AWS_ENDPOINT_URL is no URL")]
    Endpoint,
}

impl AwsAccess {
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AccessError> {
        let needed = |name: &'static str| variable(name).ok_or(AccessError::Missing(name));
        let endpoint = variable("AWS_ENDPOINT_URL").map(|url| url.parse()).transpose();
        Ok(Self {
            region: needed("AWS_REGION")?,
            credentials: Credentials::new(
                needed("AWS_ACCESS_KEY_ID")?,
                needed("AWS_SECRET_ACCESS_KEY")?,
                variable("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            endpoint: endpoint.map_err(|_invalid| AccessError::Endpoint)?,
        })
    }
}
