use std::net::IpAddr;

use crate::{Db, DbError};

/// The address by which the database sees this process. None: by a Unix socket, on this machine.
pub async fn seen_from(db: &Db) -> Result<Option<IpAddr>, DbError> {
    let sql = "select host(inet_client_addr()) as address";
    let row = db.client().await?.query_one(sql, &[]).await?;
    let address: Option<String> = row.try_get("address")?;
    Ok(address.and_then(|address| address.parse().ok()))
}
