//! The Security Token Service: it tells everybody who they are, whatever they may do.

use aws_sdk_sts::Client;
use jiff::Timestamp;

use crate::{Aws, CallError};

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    pub arn: String,
    /// When the credentials end, if their source says it.
    pub expires_at: Option<Timestamp>,
}

impl Aws {
    /// Who calls. Needs no right.
    pub async fn caller(&self) -> Result<Caller, CallError> {
        let asked = Client::new(&self.0).get_caller_identity().send().await;
        let found = asked.map_err(|error| CallError::from_sdk("GetCallerIdentity", &error))?;
        Ok(Caller {
            account: found.account.unwrap_or_default(),
            arn: found.arn.unwrap_or_default(),
            expires_at: self.keys().await?.expires_at,
        })
    }
}
