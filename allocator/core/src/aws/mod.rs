//! What AWS calls credentials, and what it says of them. Nothing here talks to AWS:
//! [`CloudIdentity`] does.

mod finding;
mod keys;
mod machines;

pub use finding::{Check, Finding, Told};
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

/// What AWS says, some time.
pub type FromAws<'a, T> = Pin<Box<dyn Future<Output = Result<T, IdentityError>> + Send + 'a>>;

/// Asks AWS whose credentials these are. The allocator can be built without. No keys: those that the
/// process finds by itself, in its environment, a profile, or a role of the machine.
pub trait CloudIdentity: Send + Sync {
    fn of<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Identity>;

    /// The keys that programs beside this one, as Terraform, are to work with: those of a session where a
    /// role is to be taken on or a profile was named, else the same. None: what they find by themselves.
    fn session<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Option<AwsKeys>>;
}
