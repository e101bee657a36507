use std::time::Duration;

use lablink_protocol::{ChannelTarget, Hostname};

use crate::{Db, DbError, Token, db, ids::VmId};

/// A channel that the caller holds the browser's end of.
pub struct NewChannel<'a> {
    pub id: &'a Token,
    pub vm_id: VmId,
    pub target: ChannelTarget,
    /// Host and port where other allocators reach this one.
    pub holder: &'a str,
    /// What they present there.
    pub secret: &'a Token,
    /// How long the agent has to dial.
    pub patience: Duration,
}

/// A channel that a VM's agent is to dial.
#[derive(Debug)]
pub struct Asked {
    pub id: Token,
    pub target: ChannelTarget,
}

/// Asks the VM's agent for a channel. Those that nobody dialled in their time are dropped.
pub async fn ask(db: &Db, new: &NewChannel<'_>) -> Result<(), DbError> {
    let sql = "with old as (
                   select id from channel where expires_at < now() order by id for update skip locked
               ), dropped as (
                   delete from channel using old where channel.id = old.id
               ), asked as (
                   insert into channel (id, vm_id, target, holder, secret, expires_at)
                   values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6::float8))
               )
               select pg_notify('vm_changed', hostname)::text from vm where id = $2";
    let NewChannel { id, vm_id, target, holder, secret, patience } = new;
    let seconds = patience.as_secs_f64();
    let client = db.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let target = target.as_str();
    client
        .query(&statement, &[&id.reveal(), vm_id, &target, holder, &secret.reveal(), &seconds])
        .await?;
    Ok(())
}

/// Wakes the agent's wait again: the answer that told of the channel may have been lost.
pub async fn remind(db: &Db, hostname: &Hostname) -> Result<(), DbError> {
    let sql = "select pg_notify('vm_changed', $1)::text";
    db.client().await?.query(sql, &[&hostname.as_str()]).await?;
    Ok(())
}

/// The VM's oldest channel that its agent was not told of in the last seconds; it is told now.
pub async fn tell(db: &Db, hostname: &Hostname) -> Result<Option<Asked>, DbError> {
    let sql = "with next as (
                   select channel.id from channel join vm on vm.id = channel.vm_id
                   where vm.hostname = $1 and vm.removed_at is null and channel.expires_at > now()
                     and (told_at is null or told_at < now() - interval '2 s')
                   order by channel.expires_at, channel.id limit 1 for update of channel skip locked
               )
               update channel set told_at = now() from next where channel.id = next.id
               returning channel.id, channel.target";
    let client = db.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&hostname.as_str()]).await?;
    row.map(|row| {
        let id: String = row.try_get("id")?;
        Ok(Asked { id: Token::presented(&id), target: db::word(&row, "target")? })
    })
    .transpose()
}

/// Nobody waits for it any more.
pub async fn withdraw(db: &Db, id: &Token) -> Result<(), DbError> {
    let sql = "delete from channel where id = $1";
    db.client().await?.execute(sql, &[&id.reveal()]).await?;
    Ok(())
}
