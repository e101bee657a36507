//! The rules of the core on a real Postgres: a database per test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod agents;
mod claims;
mod collections;
mod crowd;
mod line;
mod live;
mod log_scale;
mod logs;
mod migrations;
mod operations;
mod organiser;
mod scene;
mod startup;
mod state;
mod vms;
