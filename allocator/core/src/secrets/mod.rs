//! Secrets that must not be readable in the database or its backups. They are sealed under
//! `LABLINK_SECRET_KEY`, or kept in this process's memory if there is no such key.

mod aws_login;
mod seal;
mod standing;
mod subject;
mod vault;

pub use aws_login::{AwsLogin, LoginError};
pub(crate) use seal::Unopened;
pub use seal::{InvalidSecretKey, SecretKey};
pub use standing::Standing;
pub(crate) use subject::Subject;
pub use vault::{Vault, VaultError};
