use std::time::Duration;

use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_postgres::{Client, Notification};

use super::{
    CHANNELS, Ear, Hub, LINE_CHANGED, OPERATION_CHANGED, POOL_CHANGED, QUEUE_CHANGED, Topic,
    VM_CHANGED,
};
use crate::db::{ConnectError, Server, limits};

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_millis(500);

/// Listens for notifications and wakes the hub's waiters, for as long as the process lives. It
/// reconnects by itself, and wakes everybody after each reconnect. Its connection is also the pulse
/// by which this process notices a silent network.
pub async fn listen(server: impl Into<Server>, hub: Hub) {
    let server = server.into();
    let mut pause = FIRST_RETRY;
    loop {
        let heard_since = tokio::time::Instant::now();
        match listen_once(&server, &hub).await {
            Ok(()) => tracing::warn!("the listener's connection closed; connecting again"),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the listener lost its connection"
                );
            }
        }
        hub.set_connected(false);
        if heard_since.elapsed() > LAST_RETRY {
            pause = FIRST_RETRY;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// Why the listener no longer listens.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection was lost")]
    Statement(#[from] tokio_postgres::Error),
    #[error("the connection has fallen silent")]
    Silent,
}

async fn listen_once(server: &Server, hub: &Hub) -> Result<(), Lost> {
    let Ear { client, heard, mut driving } = Ear::open(server, "lablink-listener").await?;
    match heed(&client, heard, hub).await {
        Err(Lost::Silent) => {
            driving.abort();
            // If this connection can't reach the server, the others can't either.
            server.cut();
            Err(Lost::Silent)
        }
        Err(lost) => Err(lost),
        Ok(()) => Ok((&mut driving).await.unwrap_or(Ok(()))?),
    }
}

/// Wakes the waiters of each notification, until the connection ends.
async fn heed(
    client: &Client,
    mut notifications: mpsc::UnboundedReceiver<Notification>,
    hub: &Hub,
) -> Result<(), Lost> {
    for channel in CHANNELS {
        ask(client, &format!("listen {channel}")).await?;
    }
    hub.set_connected(true);
    hub.wake_all();

    let mut pulse = tokio::time::interval(limits::PULSE_EVERY);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            notification = notifications.recv() => match notification {
                Some(notification) => wake(hub, &notification),
                None => return Ok(()),
            },
            _ = pulse.tick() => ask(client, "").await?,
        }
    }
}

async fn ask(client: &Client, sql: &str) -> Result<(), Lost> {
    match tokio::time::timeout(limits::PULSE, client.batch_execute(sql)).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Lost::Silent),
    }
}

fn wake(hub: &Hub, notification: &Notification) {
    let payload = notification.payload();
    let topic = match notification.channel() {
        VM_CHANGED => payload.parse().ok().map(Topic::Vm),
        OPERATION_CHANGED => payload.parse().ok().map(Topic::Operation),
        LINE_CHANGED => payload.parse().ok().map(Topic::Line),
        QUEUE_CHANGED => payload.parse().ok().map(Topic::Operations),
        POOL_CHANGED => payload.parse().ok().map(Topic::Everything),
        _ => None,
    };
    if let Some(topic) = topic {
        hub.wake(&topic);
    }
}
