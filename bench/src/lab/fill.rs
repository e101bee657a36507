use anyhow::Result;

use super::BenchLab;

/// What an allocator that keeps counts and looks for silent VMs would have done by now, so that it
/// does not do it while something is measured. Earlier ones keep none.
const SETTLED: &str = "do $$ begin
    if to_regclass('vm_count') is not null then
        update vm_presence set check_at = now() + interval '5 hours';
        truncate vm_count, vm_move;
        insert into vm_count
        select pool_id, state, count(*) from vm group by pool_id, state
        union all
        select pool_id, 'in_use', count(*) from vm
        where in_use and claim_id is not null group by pool_id;
    end if;
end $$";

/// A participant at every fifth VM.
const PARTICIPANTS: &str = "with made as (
    insert into claim (pool_id, vm_id, email, person, crd_code, pin)
    select pool_id, id, 'student-' || number || '@example.org',
           'student-' || number || '@example.org', '4/0AX4XfWh', '123456'
    from vm where number % 5 = 0
    returning id, vm_id
)
update vm set claim_id = made.id, in_use = true from made where vm.id = made.vm_id";

/// Of the last ten VMs, the eight that nobody has are silent. An earlier allocator keeps no mark.
const SILENT: &str = "do $$ begin
    if to_regclass('vm_stale') is not null then
        update vm set stale_at = now()
        where claim_id is null and number > (select max(number) - 10 from vm);
    end if;
end $$";

impl BenchLab {
    /// A pool of so many VMs that run, are heard and are free, and nothing else.
    pub async fn fill(&self, vms: u32) -> Result<()> {
        self.fill_and(vms, &[]).await
    }

    /// The same, with a participant at every fifth VM, and eight VMs that are silent.
    pub async fn fill_with_participants(&self, vms: u32) -> Result<()> {
        self.fill_and(vms, &[PARTICIPANTS, SILENT]).await
    }

    async fn fill_and(&self, vms: u32, more: &[&str]) -> Result<()> {
        let mut client = self.connect().await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute("truncate vm, claim, event cascade").await?;
        let sql = "with made as (
                insert into vm (pool_id, hostname, number, source, status)
                select pool.id, 'lablink-vm-dev-' || n, n, 'local', 'running'
                from pool, generate_series(1, $1::int) as n
                where environment = 'dev' order by n
                returning id
            )
            insert into vm_presence (vm_id, last_seen) select id, now() from made";
        transaction.execute(sql, &[&i32::try_from(vms)?]).await?;
        for sql in more.iter().chain(&[SETTLED]) {
            transaction.batch_execute(sql).await?;
        }
        transaction.commit().await?;
        // What the server does by itself in time.
        client.batch_execute("vacuum analyze").await?;
        Ok(self.superuser().await?.batch_execute("checkpoint").await?)
    }

    /// Frees the VMs of the claims that are newer than this one.
    pub async fn free(&self, last: i64) -> Result<()> {
        let client = self.connect().await?;
        client.execute("update vm set claim_id = null where claim_id > $1", &[&last]).await?;
        let sql = "update claim set released_at = now(), release_reason = 'released',
                                    crd_code = null, pin = null
                   where id > $1 and released_at is null";
        client.execute(sql, &[&last]).await?;
        Ok(())
    }

    pub async fn last_claim(&self) -> Result<i64> {
        let sql = "select coalesce(max(id), 0) from claim";
        Ok(self.connect().await?.query_one(sql, &[]).await?.try_get(0)?)
    }
}
