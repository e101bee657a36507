//! The routes on a real Postgres, through the whole router.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod access;
mod admin;
mod app;
mod contract;
<<<<<<< 11d20f14075d161901952363998193fed3385dcd
mod operations;
=======
mod logs;
>>>>>>> 4a3723dfc35951e886ac052a5289d2f6210e8bb8
mod participant;
mod vm_metrics;
mod wait;
