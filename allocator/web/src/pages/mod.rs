//! LabLink's pages: one typed struct per page, rendered by the template of its name.
//!
//! The structs are plain owned data. Handlers fill them; nothing here reads a database or knows
//! of requests. Everything that people and VMs send is escaped by the templates.

pub mod amount;
pub mod assets;
mod error;
pub mod fetched;
mod labelled;
mod log_level;
pub mod moment;
pub mod notices;
pub mod timeline;
mod tone;
mod who;

pub use error::ErrorPage;
pub use fetched::has_desktop as shows_desktops;
pub use labelled::Labelled;
pub use log_level::LogLevel;
pub(crate) use notices::under;
pub use timeline::{Stretch, Timeline, TimelineRow};
pub use tone::Tone;
pub use who::who;

/// A fresh key for a form: see [`lablink_core::once`].
pub(crate) fn form_key() -> String {
    lablink_core::scope::Key::random().reveal().to_owned()
}
