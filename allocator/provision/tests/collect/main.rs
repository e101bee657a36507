//! Participants' results from real SSH servers on loopback ports, and a real Postgres. Each server
//! stands for a VM; a stand-in for `docker` on its path behaves as the real one for what is asked.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests share fails as a test does")]

mod everyday;
mod greedy;
mod killed;
mod lab;
mod large;
mod left_out;
mod memory;
mod names;
mod operation;
mod show;
mod sshd;
mod troubles;
mod unpack;
mod windows;
