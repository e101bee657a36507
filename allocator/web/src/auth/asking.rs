use axum::{extract::FromRequestParts, http::request::Parts};
use lablink_core::{Scope, scope::Key};

use super::Caller;
use crate::http::{Problem, once::Sent};

/// The scope of a request that changes something, with the key by which the same wish is recognised
/// if it is sent again.
pub(crate) struct Asking(pub Scope);

impl Asking {
    /// The key, for a handler to which two requests are the same by less than their whole text.
    pub fn key(&self) -> Option<Key> {
        self.0.once.as_ref().map(|once| once.key().clone())
    }
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Caller(scope) = Caller::from_request_parts(parts, state).await?;
        // A route without `keyed` would forget that it was asked before.
        let Some(Sent(once)) = parts.extensions.get().cloned() else {
            return Err(Problem::internal(&NotKeyed));
        };
        Ok(Self(scope.once(once)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the route reads no key")]
struct NotKeyed;
