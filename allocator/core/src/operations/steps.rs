use jiff::Timestamp;
use lablink_protocol::Hostname;

use super::Operation;
use crate::{Db, DbError, Scope, db, ids::OperationId, text_enum::text_enum};

text_enum! {
    /// How far an operation has come with one VM.
    pub enum Stage {
        Waiting = "waiting",
        Creating = "creating",
        Destroying = "destroying",
        Collecting = "collecting",
        Done = "done",
        Failed = "failed",
        /// The operation ended before this VM's turn, or in the middle of it.
        Unfinished = "unfinished",
    }
}

/// What an operation does to one VM, with Terraform's own times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub hostname: Hostname,
    pub stage: Stage,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Why it failed. For a collection: how much has come.
    pub detail: Option<String>,
}

impl Step {
    pub fn waiting(hostname: Hostname) -> Self {
        Self { hostname, stage: Stage::Waiting, started_at: None, finished_at: None, detail: None }
    }
}

/// The VMs that an operation touches, as far as known, failed ones first.
pub async fn steps(db: &Db, id: OperationId) -> Result<Vec<Step>, DbError> {
    let rows = db
        .client()
        .await?
        .query(
            "select hostname, stage, started_at, finished_at, detail from operation_vm
             where operation_id = $1
             order by stage <> 'failed', length(hostname), hostname",
            &[&id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Step {
                hostname: db::word(row, "hostname")?,
                stage: db::word(row, "stage")?,
                started_at: row.try_get("started_at")?,
                finished_at: row.try_get("finished_at")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}

/// How long such an operation usually takes, in seconds: the median of the last ten that succeeded
/// with about as many VMs, among the last 200 of its kind. None before the first.
pub async fn usual_seconds(scope: &Scope, operation: &Operation) -> Result<Option<i64>, DbError> {
    let row = scope
        .client()
        .await?
        .query_one(
            "select round(percentile_cont(0.5) within group (order by seconds))::bigint as usual
             from (
                 select extract(epoch from finished_at - started_at)::float8 as seconds
                 from (select * from operation where pool_id = $1 and kind = $2
                       order by id desc limit 200) as lately
                 where state = 'succeeded'
                   and vms between ((select vms from operation where id = $3) + 1) / 2
                               and (select vms from operation where id = $3) * 2
                 order by id desc limit 10
             ) as earlier",
            &[&scope.pool.as_i64(), &operation.kind, &operation.id],
        )
        .await?;
    Ok(row.try_get("usual")?)
}
