use std::{future::poll_fn, time::Duration};

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Notification};

use super::{Hub, LINE_CHANGED, OPERATION_CHANGED, Topic, VM_CHANGED};
use crate::db::{ConnectError, Server};

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// A connection that a firewall has silently dropped is noticed after one ping and its time limit.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_LIMIT: Duration = Duration::from_secs(5);

/// Hears what changes and wakes the hub's waiters, for as long as the process lives: reconnects by
/// itself, and lets everybody look again after each reconnect.
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
}

async fn listen_once(server: &Server, hub: &Hub) -> Result<(), Lost> {
    let (client, mut connection) = server.connect("lablink-listener").await?;
    let (heard, mut notifications) = mpsc::unbounded_channel();
    // The connection only makes progress while it is polled, and drops notifications unless each
    // message is taken out: this task does both.
    let mut connection_task = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message? {
                let _listener_gone = heard.send(notification);
            }
        }
        Ok::<(), tokio_postgres::Error>(())
    });

    for channel in [VM_CHANGED, OPERATION_CHANGED, LINE_CHANGED] {
        client.batch_execute(&format!("listen {channel}")).await?;
    }
    hub.set_connected(true);
    hub.wake_all();

    let mut ping = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            notification = notifications.recv() => match notification {
                Some(notification) => wake(hub, &notification),
                None => break,
            },
            _ = ping.tick() => {
                match tokio::time::timeout(PING_LIMIT, client.batch_execute("")).await {
                    Ok(answer) => answer?,
                    Err(_too_late) => {
                        connection_task.abort();
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok((&mut connection_task).await.unwrap_or(Ok(()))?)
}

fn wake(hub: &Hub, notification: &Notification) {
    let payload = notification.payload();
    let topic = match notification.channel() {
        VM_CHANGED => payload.parse().ok().map(Topic::Vm),
        OPERATION_CHANGED => payload.parse().ok().map(Topic::Operation),
        LINE_CHANGED => Some(Topic::Line),
        _ => None,
    };
    if let Some(topic) = topic {
        hub.wake(&topic);
    }
}
