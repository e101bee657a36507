use std::time::Duration;

use lablink_core::{
    TokenHash,
    channels::{Right, right},
    live::{Subscription, Topic},
};
use lablink_protocol::Closing;

use crate::AppState;

/// How often the right is looked at even if nobody said that something changed.
const LOOK: Duration = Duration::from_secs(20);
/// How long a database is left alone that does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// The right by which a channel was opened: looked at again with every change of its VM.
pub(super) struct Watch {
    pub state: AppState,
    pub link: TokenHash,
    pub right: Right,
    /// Subscribed before the right was read.
    changes: Subscription,
}

impl Watch {
    /// None: the link opens nothing.
    pub async fn begin(
        state: &AppState,
        link: TokenHash,
    ) -> Result<Option<Self>, lablink_core::DbError> {
        let Some(found) = right(&state.db, link).await? else { return Ok(None) };
        let changes = state.hub.subscribe(Topic::Vm(found.hostname.clone()));
        let right = right(&state.db, link).await?.filter(|now| now.is_same(&found));
        Ok(right.map(|right| Self { state: state.clone(), link, right, changes }))
    }

    /// Waits until the channel must end.
    pub async fn over(&mut self) -> Closing {
        loop {
            tokio::select! {
                () = self.changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.state.shutdown.cancelled() => return Closing::Stopping,
            }
            match right(&self.state.db, self.link).await {
                Ok(Some(now)) if now.is_same(&self.right) => {}
                Ok(_) => return Closing::ClaimOver,
                // Nobody loses a desktop because the database is away.
                Err(_) => tokio::time::sleep(DATABASE_PAUSE).await,
            }
        }
    }
}
