use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::response::{IntoResponse, Response};

/// What makes an answer that may be long in coming.
pub(crate) type Rest = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Stands for an answer that may be long in coming: everything else that the request needed, its
/// connection's buffers included, is free until then.
#[derive(Clone)]
pub(crate) struct Later(Arc<Mutex<Option<Rest>>>);

impl Later {
    pub fn answer(rest: impl Future<Output = Response> + Send + 'static) -> Response {
        let mut stand_in = ().into_response();
        let rest: Rest = Box::pin(rest);
        stand_in.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(rest)))));
        stand_in
    }

    /// The rest, if `response` only stands for it.
    pub fn take(response: &mut Response) -> Option<Rest> {
        let Self(rest) = response.extensions_mut().remove()?;
        rest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
