use lablink_protocol::Hostname;

use crate::{DbError, Scope, db};

/// Two machines that one person holds: both claims were made before it was known that two spellings
/// of an address are one.
#[derive(Clone, Debug)]
pub struct SamePerson {
    pub first: (String, Hostname),
    pub later: (String, Hostname),
}

/// Those of the open claims, the oldest first.
pub async fn same_person(scope: &Scope) -> Result<Vec<SamePerson>, DbError> {
    let sql = "select first.email as first_email, first_vm.hostname as first_hostname,
                      later.email as later_email, later_vm.hostname as later_hostname
               from claim as later join claim as first on first.id = later.same_person_as
                    join vm as later_vm on later_vm.id = later.vm_id
                    join vm as first_vm on first_vm.id = first.vm_id
               where later.pool_id = $1 and later.same_person_as is not null
                 and later.released_at is null and first.released_at is null
               order by later.id limit 100";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64()]).await?;
    rows.iter()
        .map(|row| {
            Ok(SamePerson {
                first: (row.try_get("first_email")?, db::word(row, "first_hostname")?),
                later: (row.try_get("later_email")?, db::word(row, "later_hostname")?),
            })
        })
        .collect()
}
