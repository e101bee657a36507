use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{
    ErrorMetadata, display::DisplayErrorContext, metadata::ProvideErrorMetadata,
};

/// Why a call gave no answer. `call` is the API's name of it, as `DescribeInstances`; `message` and
/// `code` are AWS's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// These credentials lack the right to it.
    #[error("AWS does not allow {call}: {message}")]
    NotAllowed { call: &'static str, code: String, message: String },
    /// There are no credentials, or AWS knows none like these, or they have ended.
    #[error("{message}")]
    Credentials { code: String, message: String },
    /// Too many calls of this account lately, and it stayed so while the call was repeated.
    #[error("AWS answers too many calls at the moment and put {call} off")]
    Throttled { call: &'static str },
    /// Nobody answered in time, or not in words that make sense.
    #[error("AWS did not answer {call}: {why}")]
    NoAnswer { call: &'static str, why: String },
    #[error("AWS refused {call}: {message} ({code})")]
    Refused { call: &'static str, code: String, message: String },
}

impl CallError {
    /// AWS's name of it, if AWS answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::NotAllowed { code, .. }
            | Self::Credentials { code, .. }
            | Self::Refused { code, .. } => Some(code),
            Self::Throttled { .. } | Self::NoAnswer { .. } => None,
        }
    }

    /// What AWS said, by its code.
    pub(crate) fn answered(call: &'static str, code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        match code.as_str() {
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "Client.UnauthorizedOperation" => Self::NotAllowed { call, code, message },
            "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => Self::Credentials { code, message },
            known if aws_runtime::retries::classifiers::THROTTLING_ERRORS.contains(&known) => {
                Self::Throttled { call }
            }
            _ => Self::Refused { call, code, message },
        }
    }

    pub(crate) fn from_sdk<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        if let SdkError::ServiceError(service) = error {
            let said: &ErrorMetadata = service.err().meta();
            let said = (said.code().unwrap_or_default(), said.message().unwrap_or_default());
            return Self::answered(call, said.0, said.1);
        }
        let mut cause: Option<&(dyn Error + 'static)> = Error::source(error);
        while let Some(error) = cause {
            if error.is::<CredentialsError>() {
                return no_credentials(DisplayErrorContext(error).to_string());
            }
            cause = error.source();
        }
        Self::NoAnswer { call, why: DisplayErrorContext(error).to_string() }
    }
}

/// Nobody was asked, for want of credentials.
pub(crate) fn no_credentials(why: String) -> CallError {
    CallError::Credentials { code: "NoCredentials".to_owned(), message: why }
}
