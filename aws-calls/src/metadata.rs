//! What an instance learns of itself, from its own metadata.

use std::{net::Ipv4Addr, time::Duration};

use aws_config::imds::Client;

/// Machines that are no instances don't answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The public address of the instance that this is, as its metadata has it. None: it has none, or this
/// is no instance.
pub async fn public_address() -> Option<Ipv4Addr> {
    let client = Client::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).max_attempts(1);
    let asked = async { client.build().get("/latest/meta-data/public-ipv4").await.ok() };
    let said = tokio::time::timeout(PATIENCE * 2, asked).await.ok()??;
    said.as_ref().trim().parse().ok()
}
