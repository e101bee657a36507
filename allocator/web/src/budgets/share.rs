use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use lablink_core::TokenHash;

use super::{AgentLimits, Place, too_many};
use crate::http::Problem;

/// A VM's part in the limits. Every request that a VM may send carries one.
#[derive(Clone)]
pub(crate) struct Share {
    pub limits: Arc<AgentLimits>,
    /// The token of the VM, if it sent one.
    pub token: Option<TokenHash>,
}

/// Bytes of a body that are as dear as a request.
const DEAR: usize = 64 * 1024;
/// The cost, in requests, of a search or of a whole log: either may go through all that is kept.
const WHOLE_LOG: u64 = 60;

impl Share {
    /// Counts a body of `bytes` bytes, unpacked.
    pub fn spend_on_body(&self, bytes: usize) -> Result<(), Problem> {
        self.limits.spend(self.token.as_ref(), (bytes / DEAR) as u64)
    }
}

/// The reader of a log: an organiser, or a VM, whose reading is limited.
pub(crate) struct Reader(Option<Share>);

/// A VM's reading that goes on; an organiser's needs none.
pub(crate) type Reading = Option<Place<TokenHash>>;

impl Reader {
    /// For a search, until its answer is there.
    pub fn search(&self) -> Result<Reading, Problem> {
        let Some(Share { limits, token }) = &self.0 else { return Ok(None) };
        limits.spend(token.as_ref(), WHOLE_LOG)?;
        let place = limits.searches.enter(token.as_ref());
        place.map(Some).ok_or_else(|| too_many("search", "A search is running. Try again.", 5))
    }

    /// For a log as a whole or as it grows, until its answer ends.
    pub fn stream(&self) -> Result<Reading, Problem> {
        let Some(Share { limits, token }) = &self.0 else { return Ok(None) };
        limits.spend(token.as_ref(), WHOLE_LOG)?;
        let place = limits.streams.enter(token.as_ref());
        let message = "This machine reads its log already.";
        place.map(Some).ok_or_else(|| too_many("stream", message, 5))
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}
