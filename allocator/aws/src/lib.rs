//! Answers what the core asks of AWS, by the calls of `aws-calls`. It takes its time to build, so it is
//! behind the server's feature `aws`.

mod account;
mod asked;
mod cost;
mod health;
mod identity;
mod machines;
mod place;
mod questions;

pub use account::Account;
pub use lablink_aws_calls::{Found, Role, metadata::public_address};
