//! The rules of the core on a real Postgres: a database per test.

mod agents;
mod claims;
mod crowd;
mod live;
mod migrations;
mod operations;
mod scene;
mod vms;
