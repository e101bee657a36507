//! `terraform/local` with the real Terraform and the built agent.
#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

mod module;
mod processes;
mod stand_in;
mod terraform;
