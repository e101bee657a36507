//! VMs that are instances in a cloud.

use std::net::IpAddr;

use lablink_protocol::{Hostname, VmStatus};
use serde_json::json;
use tokio_postgres::Row;

use crate::{
    DbError, Scope,
    db::Client,
    events::{Change, Kind},
    ids::VmId,
    line,
};

/// What a cloud says of a VM's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// As in `i-0123456789abcdef0`.
    pub id: String,
    pub machine_type: String,
    /// The availability zone.
    pub zone: String,
    pub private_address: Option<IpAddr>,
    pub public_address: Option<IpAddr>,
}

impl Instance {
    /// From the columns of `vm_instance`, which may all be null.
    pub(super) fn of(row: &Row) -> Result<Option<Self>, DbError> {
        let Some(id) = row.try_get("instance_id")? else { return Ok(None) };
        let address = |column: &str| -> Result<Option<IpAddr>, DbError> {
            Ok(row.try_get::<_, Option<&str>>(column)?.and_then(|text| text.parse().ok()))
        };
        Ok(Some(Self {
            id,
            machine_type: row.try_get("machine_type")?,
            zone: row.try_get("zone")?,
            private_address: address("private_address")?,
            public_address: address("public_address")?,
        }))
    }
}

/// Keeps what a true state of Terraform's says of these instances.
pub async fn note_instances(
    scope: &Scope,
    instances: impl Iterator<Item = (&Hostname, &Instance)>,
) -> Result<(), DbError> {
    let mut columns: [Vec<String>; 4] = Default::default();
    let mut addresses: [Vec<Option<String>>; 2] = Default::default();
    for (hostname, instance) in instances {
        let Instance { id, machine_type, zone, private_address, public_address } = instance;
        let texts = [hostname.as_str(), id, machine_type, zone];
        columns.iter_mut().zip(texts).for_each(|(column, text)| column.push(text.to_owned()));
        let known = [private_address, public_address].map(|it| it.map(|it| it.to_string()));
        addresses.iter_mut().zip(known).for_each(|(column, address)| column.push(address));
    }
    if columns[0].is_empty() {
        return Ok(());
    }
    let sql = "insert into vm_instance as known
                   (vm_id, instance_id, machine_type, zone, private_address, public_address)
               select vm.id, found.id, found.machine_type, found.zone,
                      found.private_address, found.public_address
               from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                    as found(hostname, id, machine_type, zone, private_address, public_address)
               join vm on vm.pool_id = $1 and vm.hostname = found.hostname
                    and vm.removed_at is null and vm.source = 'aws'
               order by vm.id
               on conflict (vm_id) do update set instance_id = excluded.instance_id,
                   machine_type = excluded.machine_type, zone = excluded.zone,
                   private_address = excluded.private_address,
                   public_address = excluded.public_address
               where known is distinct from excluded";
    let [names, ids, types, zones] = &columns;
    let [private, public] = &addresses;
    let client = scope.client().await?;
    let pool = scope.pool.as_i64();
    client.execute(sql, &[&pool, names, ids, types, zones, private, public]).await?;
    Ok(())
}

/// The VMs among these that are in error.
pub async fn failed_among(scope: &Scope, hostnames: &[Hostname]) -> Result<Vec<Hostname>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname from vm where pool_id = $1 and hostname = any($2)
               and status = 'error' and removed_at is null";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names]).await?;
    rows.iter().map(|row| crate::db::word(row, "hostname")).collect()
}

/// The agent of an instance itself speaks, which an original client does by asking for its claim.
/// Only now can its VM be claimed. Writes nothing the second time, and for other VMs.
pub async fn hear(scope: &Scope, hostname: &Hostname) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
               and source = 'aws' and heard_at is null";
    let statement = client.prepare_cached(sql).await?;
    let vm = client.query_opt(&statement, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    match vm {
        Some(vm) => heard(scope, &mut client, vm.try_get("id")?).await,
        None => Ok(()),
    }
}

/// The same, for a VM whose agent is known not to have been heard.
pub(super) async fn heard(scope: &Scope, client: &mut Client, vm: VmId) -> Result<(), DbError> {
    let sql = "with before as (
                   select id, status, said_running_at is not null as said_running from vm
                   where id = $1 and removed_at is null and heard_at is null for no key update
               ), after as (
                   update vm set heard_at = now(), said_running_at = null,
                       status = case when said_running then 'running' else vm.status end,
                       starting_since = case when not said_running then starting_since end,
                       status_reason = case when not said_running then status_reason end,
                       overdue_at = case when not said_running then overdue_at end
                   from before where vm.id = before.id
               )
               select status as was, said_running from before";
    crate::db::again!(async {
        let mut change = Change::begin(scope, client).await?;
        if let Some(before) = change.query_opt(sql, &[&vm]).await?
            && before.try_get("said_running")?
        {
            let was: String = before.try_get("was")?;
            let data = json!({ "from": was, "to": VmStatus::Running.as_str() });
            change.event(Kind::VmStatusChanged).of_vm(vm).with(data);
            line::serve(&mut change).await?;
        }
        change.commit().await
    })
}
