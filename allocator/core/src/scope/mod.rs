//! Where something is done, for whom, and by which wish.
//!
//! A wish that is sent twice, as by a double click, a reload or after a lost answer, is granted
//! once. Whoever begins something may send a random [`Key`] along. The first statement of the
//! transaction that begins it writes the key, the last one what came of it. The same key again waits
//! for that transaction, in whichever allocator it runs, and is told the same. A transaction that
//! fails takes the key back with everything else, so the next try with that key is the first.

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
    /// By what the same wish is known if it is sent again. None: each request is a wish of its own.
    pub once: Option<Once>,
}

impl Scope {
    pub fn new(db: &Db, pool: &Arc<Pool>, actor: Actor) -> Self {
        Self { db: db.clone(), pool: Arc::clone(pool), actor, once: None }
    }

    /// The same database and pool, for somebody else, and no wish that may have been sent before.
    pub fn by(&self, actor: Actor) -> Self {
        Self::new(&self.db, &self.pool, actor)
    }

    /// The same, for what is known by this if it is sent again.
    pub fn once(self, once: Option<Once>) -> Self {
        Self { once, ..self }
    }

    pub(crate) async fn client(&self) -> Result<Client, DbError> {
        self.db.client().await
    }
}
