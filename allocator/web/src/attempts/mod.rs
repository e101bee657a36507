//! Attempts at what strangers reach: the admin's password, a class's access code, the form. How many
//! each browser and network may make.

mod admin;
mod browser;
mod code_guesses;
mod form_limits;
mod guess_log;
mod guesses;
mod limiter;
mod remembered;

pub use admin::{AdminLogin, InvalidHash};
pub(crate) use admin::{ComesFrom, Found, NoLogin};
pub use browser::Browsers;
pub(crate) use browser::{Browser, Visitor, cookie, token_of};
pub use code_guesses::CodeGuesses;
pub(crate) use code_guesses::Verdict;
pub use form_limits::FormLimits;
