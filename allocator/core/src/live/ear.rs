use std::future::poll_fn;

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Client, Notification};

use crate::db::{ConnectError, Server, limits};

/// A connection of its own that hears notifications.
pub(super) struct Ear {
    pub client: Client,
    pub heard: UnboundedReceiver<Notification>,
    /// Ends with the connection.
    pub driving: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Ear {
    pub async fn open(server: &Server, application_name: &str) -> Result<Self, ConnectError> {
        let (client, mut connection) = server.connect(application_name, limits::SILENCE).await?;
        let (sender, heard) = unbounded_channel();
        // The connection only makes progress while it is polled, and drops notifications unless each
        // message is taken out: this task does both.
        let driving = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message? {
                    let _listener_gone = sender.send(notification);
                }
            }
            Ok(())
        });
        Ok(Self { client, heard, driving })
    }
}
