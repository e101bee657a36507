//! The allocator, as the agent speaks to it: where it is, with which credential, and its endpoints.

mod api;
pub mod backoff;
mod call_error;
mod connection;
mod credential;
mod enrolment_token;
mod log_batch;
pub mod retry;
mod startup_times;
mod transport;
mod url;
mod wait_answer;

pub use api::Api;
pub use call_error::CallError;
pub use connection::Connection;
pub use credential::Enrolment;
pub use enrolment_token::EnrolmentToken;
pub use log_batch::LogBatch;
pub use startup_times::{CloudInitTimes, ContainerTimes, ScriptRun, StartupTimes};
