use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use lablink_core::{Db, TokenHash};

use super::{AgentLimits, Place, too_many};
use crate::{AppState, http::Problem};

/// What of the limits a VM's request has: beside every request that a VM may send.
#[derive(Clone)]
pub(crate) struct Share {
    pub limits: Arc<AgentLimits>,
    /// What its VM shows; none: nothing tells who asks.
    pub token: Option<TokenHash>,
}

/// Bytes of a body that are as dear as a request.
const DEAR: usize = 64 * 1024;
/// A search, and a log as a whole, is as dear as so many requests: it may go through all that is kept
/// of a log.
const WHOLE_LOG: u64 = 60;

impl Share {
    /// Counts a body of so many bytes, unpacked.
    pub fn spend_on_body(&self, bytes: usize) -> Result<(), Problem> {
        self.limits.spend(self.token.as_ref(), (bytes / DEAR) as u64)
    }
}

/// Who reads: an organiser, or a VM, whose reading is limited and has connections of its own.
pub(crate) struct Reader {
    pub db: Db,
    share: Option<Share>,
}

/// A VM's reading that goes on; an organiser's needs none.
pub(crate) type Reading = Option<Place<TokenHash>>;

impl Reader {
    /// For a search, until its answer is there.
    pub fn search(&self) -> Result<Reading, Problem> {
        let Some(Share { limits, token }) = &self.share else { return Ok(None) };
        limits.spend(token.as_ref(), WHOLE_LOG)?;
        let place = limits.searches.enter(token.as_ref());
        place.map(Some).ok_or_else(|| too_many("search", "A search is running. Try again.", 5))
    }

    /// For a log as a whole or as it grows, until its answer ends.
    pub fn stream(&self) -> Result<Reading, Problem> {
        let Some(Share { limits, token }) = &self.share else { return Ok(None) };
        limits.spend(token.as_ref(), WHOLE_LOG)?;
        let place = limits.streams.enter(token.as_ref());
        let message = "This machine reads its log already.";
        place.map(Some).ok_or_else(|| too_many("stream", message, 5))
    }
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let share = parts.extensions.get::<Share>().cloned();
        let db = if share.is_some() { &state.agents_db } else { &state.db };
        Ok(Self { db: db.clone(), share })
    }
}
