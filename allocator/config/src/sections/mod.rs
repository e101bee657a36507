//! The sections of the file, one struct each. Field names are the keys; a field's default stands
//! where the section is read.

mod allocator;
mod app;
mod aws;
mod collect;
mod db;
mod dns;
mod eip;
mod health;
mod history;
mod install;
mod limits;
mod local;
mod logs;
mod machine;
mod manual;
mod provider;
mod proxy;
mod ssl;
mod startup_script;

pub use allocator::Allocator;
pub use app::App;
pub use aws::Aws;
pub use collect::Collect;
pub use db::{Database, DatabaseKind};
pub use dns::Dns;
pub use eip::{Eip, EipStrategy};
pub use health::Health;
pub use history::History;
pub use install::Install;
pub use limits::Limits;
pub use local::Local;
pub use logs::Logs;
pub use machine::Machine;
pub use manual::Manual;
pub use provider::ProviderKind;
pub use proxy::Proxy;
pub use ssl::{Ssl, SslProvider};
pub use startup_script::{OnError, StartupScript};
