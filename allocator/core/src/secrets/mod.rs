//! What must not be read in the database or its backups: sealed under `LABLINK_SECRET_KEY`, or kept
//! in this process's memory for want of one.

mod aws_login;
mod seal;
mod subject;
mod vault;

pub use aws_login::AwsLogin;
pub(crate) use seal::Unopened;
pub use seal::{InvalidSecretKey, SecretKey};
pub(crate) use subject::Subject;
pub use vault::{Vault, VaultError};
