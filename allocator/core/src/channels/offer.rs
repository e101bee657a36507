use lablink_protocol::BrowserDesktop;

use crate::{
    DbError, Scope,
    db::{Client, again},
    events::{Change, Touch},
    ids::VmId,
    line,
};

/// The agent has said whether its VM can show its desktop in a tab. Pages and the line look again if
/// that is new.
pub(crate) async fn announced(
    scope: &Scope,
    client: &mut Client,
    vm_id: VmId,
    desktop: &BrowserDesktop,
) -> Result<(), DbError> {
    let offers = *desktop == BrowserDesktop::Possible;
    again!(async {
        let mut change = Change::begin(scope, client).await?;
        let sql = "update vm set offers_desktop = $2
                   where id = $1 and removed_at is null and offers_desktop <> $2";
        if change.execute(sql, &[&vm_id, &offers]).await? == 0 {
            return Ok(());
        }
        change.touch(Touch::Vm(vm_id));
        line::serve(&mut change).await?;
        change.commit().await
    })
}
