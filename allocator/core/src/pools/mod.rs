//! Pools: the sets of VMs that are handed out together, with their rules. One per environment for
//! now.

mod after_use;
mod deployment_name;
mod desktop;
mod extension;
mod per_address;
mod reclaim;
mod rules;
mod source;
mod stale_after;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use after_use::AfterUse;
pub use deployment_name::DeploymentNameError;
pub use desktop::Desktop;
pub use extension::{Extension, InvalidExtension};
pub use per_address::{FEWEST, PerAddress, PlacesPerAddress};
pub use reclaim::Reclaim;
pub use rules::{Claiming, Machines, Results, Rules};
pub use source::Source;
pub use stale_after::StaleAfter;

pub use crate::ids::PoolId;

use crate::{Db, DbError};

/// A pool, with its rules.
#[derive(Clone, Debug)]
pub struct Pool {
    pub id: PoolId,
    /// A part of its VMs' names.
    pub environment: String,
    /// All who hold this pool share them: they may change while the process runs.
    rules: Arc<ArcSwap<Rules>>,
}

impl Pool {
    /// Finds the environment's pool, or makes it. In this process it has these rules.
    pub async fn open(db: &Db, environment: &str, rules: Rules) -> Result<Self, DbError> {
        let client = db.client().await?;
        let sql = "insert into pool (environment) values ($1) on conflict do nothing";
        client.execute(sql, &[&environment]).await?;
        let sql = "select id from pool where environment = $1";
        let row = client.query_one(sql, &[&environment]).await?;
        let rules = Arc::new(ArcSwap::from_pointee(rules));
        Ok(Self { id: row.try_get("id")?, environment: environment.to_owned(), rules })
    }

    /// The rules as they are now. Who needs several of one moment asks once.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// The same pool for others, by rules of their own.
    #[must_use]
    pub fn ruled(&self, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules::clone(&self.rules());
        change(&mut rules);
        Self { rules: Arc::new(ArcSwap::from_pointee(rules)), ..self.clone() }
    }

    /// From now on these rules count, for all who hold this pool.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    pub(crate) fn as_i64(&self) -> i64 {
        self.id.into()
    }
}
