//! Calls of AWS's API, as small functions with plain types. Nothing of AWS's SDK shows outside, and
//! nothing of LabLink is known here.
//!
//! [`Aws`] is an account, a region and credentials; the calls are its methods. STS is asked by its SDK.
//! EC2, Service Quotas and Pricing are asked over the same runtime (signatures, retries, timeouts,
//! credentials), with requests and answers of our own: EC2's SDK alone takes minutes and gigabytes to
//! compile, for a dozen calls.

mod aws;
mod call;
pub mod ec2;
mod error;
pub mod logs;
pub mod metadata;
pub mod parameters;
pub mod prices;
pub mod quotas;
pub mod s3;
pub mod sts;
pub mod tags;

pub use aws::{Aws, Found, Keys, Role};
pub use error::CallError;
