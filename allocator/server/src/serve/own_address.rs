use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use lablink_core::{Db, channels};
use tokio::net::TcpListener;

use crate::cli::ServeArgs;

/// Where other allocators on the same database reach this one: as configured, else where it listens,
/// else by the address that the database sees.
pub async fn own_address(args: &ServeArgs, listener: &TcpListener, db: &Db) -> Result<SocketAddr> {
    if let Some(address) = args.own_address {
        return Ok(address);
    }
    let listens = listener.local_addr().context("the listener has no address")?;
    if !listens.ip().is_unspecified() {
        return Ok(listens);
    }
    let seen = channels::seen_from(db).await.context("the database does not say who asks")?;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Ok(SocketAddr::new(seen.unwrap_or(here), listens.port()))
}
