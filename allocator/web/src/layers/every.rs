use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::future::Either;
use tower::{Layer, Service};
use tracing::Instrument;

use super::{
    cross_site::refuse_cross_site, head::refuse_large_heads, headers::secure,
    prefix::refuse_prefix, request_id::RequestTrace, turned_away::turn_away,
};
use crate::{
    AppState,
    connections::{Later, Slot},
    http::{Client, Problem, Scheme, Wants, render},
};

/// All of this as one layer of our own. Each `from_fn` of axum would keep a copy of everything
/// inside it for as long as a request takes, and thousands of requests wait.
#[derive(Clone)]
pub(crate) struct EveryRequest(Arc<AppState>);

#[derive(Clone)]
pub(crate) struct EveryRequestService<S> {
    inner: S,
    state: Arc<AppState>,
}

impl EveryRequest {
    pub fn new(state: AppState) -> Self {
        Self(Arc::new(state))
    }
}

impl<S> Layer<S> for EveryRequest {
    type Service = EveryRequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EveryRequestService { inner, state: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request> for EveryRequestService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let trace = RequestTrace::begin(&request);
        let wants = Wants::of(request.headers());
        let client =
            Client::calling(request.extensions(), request.headers(), &self.state.settings.proxies);
        let scheme = client.scheme;
        // Our own connections know what to do with a late answer.
        let by_connection = request.extensions().get::<Slot>().is_some();
        let answered = match admit(&self.state, &request, &client) {
            Ok(()) => {
                request.extensions_mut().insert(client);
                Either::Left(self.inner.call(request))
            }
            Err(problem) => Either::Right(ready(Ok(problem.into_response()))),
        };
        let span = trace.span.clone();
        let answered = answered.instrument(span.clone());
        Box::pin(async move {
            let mut response = answered.await?;
            let Some(rest) = Later::take(&mut response) else {
                return Ok(finish(response, (wants, scheme), trace));
            };
            let rest = async move { finish(rest.await, (wants, scheme), trace) }.instrument(span);
            Ok(if by_connection { Later::answer(rest) } else { rest.await })
        })
    }
}

fn finish(response: Response, (wants, scheme): (Wants, Scheme), trace: RequestTrace) -> Response {
    let mut response = render(response, wants, &trace.id);
    secure(&mut response, scheme);
    trace.end(&mut response);
    response
}

/// What is refused whatever it asks for.
fn admit(state: &AppState, request: &Request, client: &Client) -> Result<(), Problem> {
    turn_away(request)?;
    refuse_large_heads(request)?;
    refuse_prefix(request, state)?;
    refuse_cross_site(request, client.host.as_deref())
}
