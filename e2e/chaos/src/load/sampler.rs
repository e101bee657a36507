//! Notes who works on which operation: the rows forget it when they end.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::sync::watch;
use tokio_postgres::Client;

use super::Phase;
use crate::{history::Worker, world::World};

const EVERY: Duration = Duration::from_millis(300);

pub async fn sample(world: Arc<World>, phase: watch::Receiver<Phase>) {
    while *phase.borrow() != Phase::Over {
        // The server goes away now and then, and comes back.
        let _away = sample_connected(&world, &phase).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn sample_connected(world: &World, phase: &watch::Receiver<Phase>) -> Result<()> {
    let client: Client = world.postgres.connect().await?;
    let sql = "select id, lease_owner from operation
               where state = 'running' and lease_owner is not null";
    while *phase.borrow() != Phase::Over {
        let at = world.recorder.now();
        for row in client.query(sql, &[]).await? {
            let worker = Worker { at, operation: row.try_get(0)?, owner: row.try_get(1)? };
            world.recorder.history().workers.push(worker);
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}
