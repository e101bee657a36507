use std::{future::Future, sync::Arc};

tokio::task_local! {
    static NOTICES: Arc<[String]>;
}

/// Runs what renders a page for an organiser: whichever it is, these sentences stand above it.
pub(crate) fn under<F: Future>(
    notices: Arc<[String]>,
    rendering: F,
) -> impl Future<Output = F::Output> {
    NOTICES.scope(notices, rendering)
}

/// The sentences that stand above the page.
pub fn notices() -> Arc<[String]> {
    NOTICES.try_with(Arc::clone).unwrap_or_default()
}
