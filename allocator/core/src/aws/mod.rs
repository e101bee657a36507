//! What AWS calls credentials, and what it says of them. Nothing here talks to AWS:
//! [`CloudIdentity`] does.

mod keys;
mod machines;

pub use keys::AwsKeys;
pub use machines::{Answer, CloudError, CloudMachine, CloudMachines, Kept, Owner};

use std::{future::Future, pin::Pin};

use jiff::Timestamp;

/// An identity, as AWS knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    pub arn: String,
    /// When the credentials end, where the process found them together with that.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// AWS answered, and refused. Both texts are AWS's own.
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("AWS did not answer: {0}")]
    Unreachable(String),
}

/// Asks AWS whose credentials these are. The allocator can be built without.
pub trait CloudIdentity: Send + Sync {
    /// `None` asks for what the process finds by itself: its environment, a profile, a role.
    fn of<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, IdentityError>> + Send + 'a>>;
}
