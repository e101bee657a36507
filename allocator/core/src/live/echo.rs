use std::time::Duration;

use rand::random;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::ear::Ear;
use crate::{
    Db, DbError,
    db::{ConnectError, Server},
};

const ECHO: Duration = Duration::from_secs(3);

/// Why a notification could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the database did not take the statement")]
    Statement(#[from] tokio_postgres::Error),
}

/// Whether what is notified by `db` is heard at `server`: it is tried.
pub async fn echoes(server: &Server, db: &Db) -> Result<bool, EchoError> {
    let Ear { client, mut heard, driving } = Ear::open(server, "lablink-doctor").await?;
    let _driving = AbortOnDropHandle::new(driving);
    let channel = format!("lablink_echo_{:016x}", random::<u64>());
    client.batch_execute(&format!("listen {channel}")).await?;
    db.client().await?.batch_execute(&format!("notify {channel}")).await?;
    Ok(timeout(ECHO, heard.recv()).await.is_ok_and(|notification| notification.is_some()))
}
