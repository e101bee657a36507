use std::time::{Duration, SystemTime};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign},
    sign::v4::{SigningParams, signing_params::BuildError},
};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;

use crate::aws_access::AwsAccess;

const ANSWER: Duration = Duration::from_secs(5);

/// One action of an AWS service that speaks JSON 1.1 (`AmazonSSM.GetParameter` and the like).
pub struct AwsAction {
    /// As in the service's host name.
    pub service: &'static str,
    /// Value of the header `X-Amz-Target`.
    pub target: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    #[error("the region or AWS_ENDPOINT_URL makes no address")]
    Address,
    #[error("the request can't be signed")]
    Settings(#[from] BuildError),
    #[error("the request can't be signed")]
    Signing(#[from] SigningError),
    #[error("AWS can't be reached")]
    Unreachable(#[source] reqwest::Error),
    /// `kind` is AWS's name of it, such as `AccessDeniedException`.
    #[error("AWS answered {status} ({kind}): may this function's role read it, and is it there?")]
    Refused { status: StatusCode, kind: String },
}

/// Calls AWS, signed by Signature Version 4 with the function's own keys.
pub async fn call(
    http: &Client,
    access: &AwsAccess,
    action: &AwsAction,
    input: &Value,
) -> Result<Value, AwsError> {
    let url = match &access.endpoint {
        Some(url) => url.clone(),
        None => Url::parse(&format!("https://{}.{}.amazonaws.com/", action.service, access.region))
            .map_err(|_invalid| AwsError::Address)?,
    };
    let body = input.to_string();
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", action.target)];
    let identity = access.credentials.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(&access.region)
        .name(action.service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let signable = SignableRequest::new(
        "POST",
        url.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (signature, _) = sign(signable, &parameters)?.into_parts();

    let mut request = http.post(url).timeout(ANSWER);
    for (name, value) in headers.into_iter().chain(signature.headers()) {
        request = request.header(name, value);
    }
    let response = request.body(body).send().await.map_err(AwsError::Unreachable)?;
    let status = response.status();
    let answer = response.bytes().await.map_err(AwsError::Unreachable)?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    // The message beside it could hold anything.
    let kind = answer["__type"].as_str().unwrap_or("no reason given");
    Err(AwsError::Refused { status, kind: kind.chars().take(100).collect() })
}
