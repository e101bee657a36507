//! What each request and each task asks of a large database: none reads a table from end to end,
//! and none reads, sorts or counts more than a page.
//!
//! The plans are those of the statements that really ran, as the server tells them. Postgres plans a
//! prepared statement anew for its first five values, and is then free to keep one plan for all
//! values. So everything is called twice: with plans for its values, and with plans for all.

mod calls;
mod found;
mod judge;
mod large;
mod plans;

use std::fs;

use lablink_test_db::ThrowAway;

use self::{large::Large, plans::SETTINGS};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_and_no_task_reads_sorts_or_counts_more_than_a_page() {
    let more = [("shared_buffers", "256MB"), ("autovacuum", "off"), ("jit", "off")];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).collect();
    let server = ThrowAway::start(&settings).await.unwrap_or_else(|error| {
        panic!(
            "This test needs a PostgreSQL that has the module auto_explain (Debian's package \
             postgresql has it). It did not start: {error:#}"
        )
    });
    let large = Large::fill(server.config(), server.superuser_config(), server.log());
    // In a task of its own, so that the server goes whatever comes of it.
    let judged = tokio::spawn(async { large.await.judged().await }).await;
    server.remove().await.unwrap();
    let report = judged.unwrap();
    assert!(report.is_empty(), "{report}");
}

/// A file that lies here. It is read each time: a change of it needs no compilation.
fn text(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/http/growth/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}
