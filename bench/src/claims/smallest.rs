//! The smallest statement that claims: the limit of every program that claims with this server.

use anyhow::Result;

use super::script::Script;
use crate::lab::BenchLab;

/// How many free VMs each turn begins with.
pub const FREE: u32 = 6_000;

const STATEMENT: &str = "with taken as (
    update limit_of.vm set claimed_by = :client_id where id = (
        select id from limit_of.vm where claimed_by is null order by id limit 1
        for no key update skip locked
    ) returning hostname
)
select hostname, pg_notify('limit_of', hostname) from taken;
";

/// Beside the allocator's tables, in the same database.
const TABLE: &str = "create schema if not exists limit_of;
create table if not exists limit_of.vm (
    id         bigint generated always as identity primary key,
    hostname   text not null,
    claimed_by integer
);
create index if not exists vm_free on limit_of.vm (id) where claimed_by is null";

pub async fn script(lab: &BenchLab) -> Result<Script> {
    lab.connect().await?.batch_execute(TABLE).await?;
    Script::write(lab, "smallest", STATEMENT)
}

/// So many VMs, all free.
pub async fn fill(lab: &BenchLab, vms: u32) -> Result<()> {
    let client = lab.connect().await?;
    client.batch_execute("truncate limit_of.vm").await?;
    let sql = "insert into limit_of.vm (hostname)
               select 'lablink-vm-dev-' || n from generate_series(1, $1::int) as n order by n";
    client.execute(sql, &[&i32::try_from(vms)?]).await?;
    client.batch_execute("vacuum analyze limit_of.vm").await?;
    Ok(lab.superuser().await?.batch_execute("checkpoint").await?)
}

pub async fn claimed(lab: &BenchLab) -> Result<i64> {
    let sql = "select count(claimed_by) from limit_of.vm";
    Ok(lab.connect().await?.query_one(sql, &[]).await?.try_get(0)?)
}
