//! SSH access to a machine: its address, the user to log in as, and its host key.

mod access;
mod fit;
mod host_key;
mod place;
mod private_key;

pub(crate) use access::store;
pub use access::{NoSecretKey, SshAccess, SshAccessError, StorableSshAccess, access};
pub use fit::{FitAddresses, UnfitAddress};
pub use host_key::{forget_host_key, host_key, remember_host_key};
pub use place::{InvalidPlace, ResultsDirectory, SshAddress, SshLogin};
pub use private_key::{InvalidPrivateKey, PrivateKey};
