use lablink_protocol::Hostname;

use crate::{
    Db, DbError, TokenHash, db,
    ids::{ClaimId, VmId},
};

/// The right to one VM, as long as it is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub claim_id: ClaimId,
    pub vm_id: VmId,
    pub hostname: Hostname,
    /// The VM's agent can show its desktop in a tab.
    pub offers_desktop: bool,
}

impl Right {
    /// Whether it is the right of the same claim to the same VM.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.claim_id, self.vm_id) == (other.claim_id, other.vm_id)
    }
}

/// The VM that a claim's link opens now. None: it opens no claim, or one that is over, or somebody is
/// locked out and no new command has come.
pub async fn right(db: &Db, link: TokenHash) -> Result<Option<Right>, DbError> {
    let sql = "select claim.id, vm.id as vm_id, vm.hostname, vm.offers_desktop
               from claim_link join claim on claim.id = claim_link.claim_id
                               join vm on vm.id = claim.vm_id
               where claim_link.token_sha256 = $1 and claim.released_at is null
                 and vm.removed_at is null
                 and claim.lock_out_no is distinct from claim.command_no";
    let client = db.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&link.as_bytes()]).await?;
    row.map(|row| {
        Ok(Right {
            claim_id: row.try_get("id")?,
            vm_id: row.try_get("vm_id")?,
            hostname: db::word(&row, "hostname")?,
            offers_desktop: row.try_get("offers_desktop")?,
        })
    })
    .transpose()
}
