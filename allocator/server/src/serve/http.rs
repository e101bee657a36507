use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use lablink_web::AppState;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long requests may take to end once we are asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Answers until `shutdown`; then lets the requests that run come to their end, for a while.
pub async fn answer_requests(
    listener: TcpListener,
    state: AppState,
    shutdown: CancellationToken,
) -> Result<()> {
    let stop = shutdown.clone();
    let mut serving: JoinHandle<_> = tokio::spawn(async move {
        let service =
            lablink_web::router(state).into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await
    });
    tokio::select! {
        ended = &mut serving => return ended?.context("the HTTP server failed"),
        () = shutdown.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN, &mut serving).await {
        Ok(ended) => ended?.context("the HTTP server failed"),
        Err(_too_long) => {
            tracing::warn!("some requests did not end in {} s; leaving them", DRAIN.as_secs());
            serving.abort();
            Ok(())
        }
    }
}
