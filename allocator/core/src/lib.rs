//! The rules of LabLink's allocator and their SQL.
//!
//! Each module is one idea of the domain: its functions begin and commit the transactions, and
//! the SQL stands beside the function that needs it. Nothing here knows HTTP, subprocesses or AWS.

mod access;
mod access_code;
pub mod admissions;
pub mod agents;
pub mod amount;
pub mod aws;
pub mod channels;
pub mod claims;
mod cloud_reboots;
pub mod collections;
mod cursor;
pub mod db;
mod email;
pub mod events;
mod ids;
pub mod line;
pub mod live;
pub mod logs;
mod neighbours;
mod network;
mod of_name;
pub mod operations;
pub mod passwords;
mod pin;
pub mod placement;
mod plain;
pub mod pools;
pub mod preflight;
mod rows;
pub mod schema;
pub mod scope;
pub mod secrets;
mod spreadsheet;
pub mod ssh;
pub mod startup;
pub mod state;
pub mod tasks;
mod text_enum;
mod token;
pub mod usage;
pub mod vms;
pub mod worker;

pub use access::{Action, Actor, Grants, Permission, PersonId, Resource, Role, can};
pub use access_code::{AccessCode, EmptyAccessCode};
pub use cloud_reboots::CloudReboots;
pub use cursor::{Cursor, InvalidCursor, PageError};
pub use db::{Db, DbError};
pub use email::{Email, EmailDomain, InvalidEmail};
pub use neighbours::Neighbours;
pub use network::{network, site};
pub use pin::Pin;
pub use plain::{chain, plain};
pub use scope::Scope;
pub use secrets::{InvalidSecretKey, SecretKey};
pub use spreadsheet::cell;
pub use token::{Token, TokenHash};
