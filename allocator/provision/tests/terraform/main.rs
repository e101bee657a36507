//! Operations with the real Terraform on `terraform/local`, and a real Postgres: whatever happens
//! in the middle, rows and state tell the same story afterwards, and the next operation works.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests share fails as a test does")]

mod bucket;
mod conflicts;
mod crashes;
mod disk;
mod everyday;
mod hangs;
mod lab;
mod locked;
mod moto;
mod orphans;
mod outages;
mod program;
mod refusals;
mod resume;
mod size;
mod story;
mod targets;
mod two_allocators;
mod unnoted;
