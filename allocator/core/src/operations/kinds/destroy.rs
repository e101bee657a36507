use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{
    AskError,
    left::{Wanted, left_undone},
    terraform,
};
use crate::{
    Db, DbError,
    db::Transaction,
    once::{Asker, Sent},
    operations::{Ask, Asked, Kind, OperationId, ask, kind},
    pools::PoolId,
    vms::{self, Selection},
};

/// Remove these VMs, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroy {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Destroy {
    const WORD: &'static str = "destroy";
    const NAME: &'static str = "Destroy";
    const REMOVES: bool = true;

    fn title(&self) -> String {
        format!("Destroy {}", kind::vms(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    fn unmet(&self, first: OperationId) -> String {
        format!(
            "Nothing was destroyed: the results were to be collected first, and operation {first} \
             did not bring all of them home. Look at what it says, and collect again or destroy \
             without."
        )
    }

    async fn rest(
        self,
        transaction: &Transaction<'_>,
        asked: Asked<'_>,
    ) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(transaction, asked.id, Wanted::Gone).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames })))
    }
}

/// Queues the removal of VMs: from now on they can't be claimed.
pub async fn destroy(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    selection: &Selection,
) -> Result<OperationId, AskError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let hostnames = vms::made(&transaction, pool, selection).await?;
        let wish = Ask::of(&Destroy { hostnames });
        let id = wish.queue(&transaction, pool, &asker.actor).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}
