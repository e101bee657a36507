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

/// Make these VMs anew, under the same names, whether they exist or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Replace {
    const WORD: &'static str = "replace";
    const NAME: &'static str = "Replace";
    const REMOVES: bool = true;

    fn title(&self) -> String {
        format!("Replace {}", kind::vms(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    async fn rest(
        self,
        transaction: &Transaction<'_>,
        asked: Asked<'_>,
    ) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(transaction, asked.id, Wanted::There).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames })))
    }
}

/// Queues the replacement of VMs: the machine goes, with all that is on it, and a new one of the
/// same name comes. From now on they can't be claimed.
pub async fn replace(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    hostnames: Vec<Hostname>,
) -> Result<OperationId, AskError> {
    let asker = asker.into();
    let these = Selection::These(hostnames);
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let hostnames = vms::made(&transaction, pool, &these).await?;
        let wish = Ask::of(&Replace { hostnames });
        let id = wish.queue(&transaction, pool, &asker.actor).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}
