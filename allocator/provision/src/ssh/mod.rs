//! How a machine is reached: over SSH, or a local VM in its folder; and how a script runs there.

mod files;
mod first_contact;
mod machine;
mod machines;
mod remote;
mod script;
pub(crate) mod trouble;

pub(crate) use machine::{Machine, Reach};
pub use machines::{Cloud, Machines};
pub(crate) use remote::Remote;
pub(crate) use script::Script;
