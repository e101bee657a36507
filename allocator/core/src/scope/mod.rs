//! The scope of a request or job: its database, pool, actor and wish.
//!
//! A wish that is sent twice, as by a double click, a reload or after a lost answer, is granted
//! once. The caller may send a random [`Key`] along. The first statement of the transaction writes
//! the key, the last one the outcome. The same key again waits for that transaction, in whichever
//! allocator it runs, and is told the same. A transaction that fails takes the key back with
//! everything else, so the next try with that key is the first.

mod key;
mod once;
mod retention;

use std::sync::Arc;

pub use key::{Key, Once};
pub(crate) use once::Sent;
pub use retention::forget_old;

use crate::{Actor, Db, DbError, db::Client, pools::Pool};

/// What every request and every job works with.
#[derive(Clone)]
pub struct Scope {
    pub db: Db,
    pub pool: Arc<Pool>,
    /// Written on everything that is begun or changed.
    pub actor: Actor,
    /// The key and content by which a repeated wish is recognised. None: each request is a new
    /// wish.
    pub once: Option<Once>,
}

impl Scope {
    pub fn new(db: &Db, pool: &Arc<Pool>, actor: Actor) -> Self {
        Self { db: db.clone(), pool: Arc::clone(pool), actor, once: None }
    }

    /// The same database and pool for another actor, without a wish.
    pub fn by(&self, actor: Actor) -> Self {
        Self::new(&self.db, &self.pool, actor)
    }

    /// The same scope with this wish.
    pub fn once(self, once: Option<Once>) -> Self {
        Self { once, ..self }
    }

    pub(crate) async fn client(&self) -> Result<Client, DbError> {
        self.db.client().await
    }
}
