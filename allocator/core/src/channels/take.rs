use lablink_protocol::Hostname;

use crate::{Db, DbError, Token};

/// Where the other end of a channel is.
#[derive(Debug)]
pub struct Held {
    /// Host and port of the allocator that has it.
    pub holder: String,
    /// Opens the channel there, once.
    pub secret: Token,
}

/// Takes a channel that this VM's agent dials. None: it is no channel of this VM, was taken, or nobody
/// waits for it any more.
pub async fn take(db: &Db, hostname: &Hostname, id: &Token) -> Result<Option<Held>, DbError> {
    let sql = "delete from channel using vm
               where channel.id = $1 and vm.id = channel.vm_id and vm.hostname = $2
                 and vm.removed_at is null and channel.expires_at > now()
               returning channel.holder, channel.secret";
    let client = db.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&id.reveal(), &hostname.as_str()]).await?;
    row.map(|row| {
        let secret: String = row.try_get("secret")?;
        Ok(Held { holder: row.try_get("holder")?, secret: Token::presented(&secret) })
    })
    .transpose()
}
