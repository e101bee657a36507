//! A database of its own for every test.
//!
//! `test-db run -- cargo test` starts a throw-away Postgres and names it in
//! [`DATABASE_URL_VARIABLE`]. The first test in there makes a template with all migrations; each
//! [`TestDb`] is a copy of it, which takes some 30 ms. The template is made once per run: after a
//! change of the migrations, start a new one. [`rules`] and [`kinds`] are those of a pool in it.
//!
//! [`NobodyAsks`] is its cloud. A test that needs a server with settings of its own starts a [`ThrowAway`].

mod cloud;
mod connect;
mod pool;
mod template;
mod test_db;
mod throw_away;

pub use cloud::NobodyAsks;
pub use connect::DATABASE_URL_VARIABLE;
pub use pool::{kinds, rules};
pub use test_db::TestDb;
pub use throw_away::ThrowAway;
