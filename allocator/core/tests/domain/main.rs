//! The rules of the core on a real Postgres: a database per test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod admissions;
mod agents;
mod claims;
mod cleaning;
mod cloud_notice;
mod collections;
mod crowd;
mod engine;
mod errand;
mod faulty_machines;
mod first;
mod hand_over;
mod history;
mod intake;
mod line;
mod lists;
mod live;
mod locks;
mod log_scale;
mod logs;
mod migrations;
mod once;
mod operations;
mod organiser;
mod people;
mod proxy;
mod rotation;
mod scene;
mod secrets;
mod silence;
mod ssh;
mod startup;
mod state;
mod states;
mod strangers;
mod targets;
mod used;
mod vms;
mod watch;
mod way_in;
mod words;
mod worker;
