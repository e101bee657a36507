//! The only crate that talks to AWS. It takes its time to build, so it is behind the server's
//! feature `aws`.

mod identity;
mod metadata;

pub use identity::Sts;
pub use metadata::public_address;
