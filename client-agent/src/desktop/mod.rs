//! The participant's desktop: its account, the remote desktop program, and whether it is in use.

mod account;
mod host_files;
pub mod in_use;
mod output_tail;
mod programs;
mod remote_desktop;
mod session;
mod tab;
pub mod token_keeping;

pub use account::Account;
pub use host_files::HostFiles;
pub use remote_desktop::{Failure, Program, RemoteDesktop};
pub use session::DesktopSession;
pub use tab::{Owner, TabDesktop, TabFailure};
