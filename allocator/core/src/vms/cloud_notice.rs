//! What a VM's cloud announces for it.

use jiff::Timestamp;
use lablink_protocol::CloudNotice;
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Json};

use crate::{
    DbError, Scope,
    db::{Client, again},
    events::{Change, Kind},
    ids::VmId,
    line,
};

/// Keeps a notice, with an event if it is a new one. A machine that its cloud takes back is not
/// handed out any more: what was kept for somebody in line goes to the next one.
pub(super) async fn announced(
    scope: &Scope,
    client: &mut Client,
    vm_id: VmId,
    notice: &CloudNotice,
) -> Result<(), DbError> {
    let stored = match notice {
        CloudNotice::None | CloudNotice::Other => None,
        CloudNotice::TakenBack { .. } | CloudNotice::Maintenance { .. } => Some(Json(notice)),
    };
    again!(async {
        let mut change = Change::begin(scope, client).await?;
        let sql = "update vm set notice = $2
                   where id = $1 and removed_at is null and notice is distinct from $2";
        let statement = change.prepare_cached(sql).await?;
        if change.execute(&statement, &[&vm_id, &stored]).await? == 0 {
            return Ok(());
        }
        let (kind, data) = match notice {
            CloudNotice::None | CloudNotice::Other => (Kind::VmNoticeOver, json!({})),
            CloudNotice::TakenBack { action, time } => {
                (Kind::VmTakenBack, json!({ "action": action, "time": time }))
            }
            CloudNotice::Maintenance { code, description, from } => (
                Kind::VmMaintenance,
                json!({ "code": code, "description": description, "from": from }),
            ),
        };
        change.event(kind).of_vm(vm_id).with(data);
        line::serve(&mut change).await?;
        change.commit().await
    })
}

/// The column `notice`. One of a kind that this version does not know counts as none.
pub(crate) fn cloud_notice(row: &Row) -> Result<Option<CloudNotice>, DbError> {
    let notice: Option<Value> = row.try_get("notice")?;
    Ok(notice.and_then(|notice| serde_json::from_value(notice).ok()))
}

/// When its cloud takes the machine back, if it has said so.
pub fn taken_back_at(notice: &CloudNotice) -> Option<Timestamp> {
    match notice {
        CloudNotice::TakenBack { time, .. } => time.parse().ok(),
        CloudNotice::None | CloudNotice::Maintenance { .. } | CloudNotice::Other => None,
    }
}
