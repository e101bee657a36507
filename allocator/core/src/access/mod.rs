//! Access rules: one pure function, asked for every request.

mod actor;
mod can;
mod permission;
mod role;

pub use actor::{Actor, PersonId};
pub use can::{Action, Grants, Resource, can};
pub use permission::Permission;
pub use role::Role;
