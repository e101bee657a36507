//! Long texts are read as they are sent: little of them is in memory.

use futures_util::StreamExt;

use crate::app::{App, With, get};

const LINES: usize = 2_000;
/// The most bytes that are sent at once.
const PIECE: usize = 64 * 1024;

/// What is sent of a path, if `change` happens between the first bytes and the others.
async fn sent(app: &App, path: &str, change: &str) -> String {
    let answer = app.send(get(path).by_admin()).await;
    let mut pieces = answer.into_body().into_data_stream();
    let mut text = Vec::new();
    while text.len() < 1_000 {
        text.extend(pieces.next().await.unwrap().unwrap());
    }
    app.sql(change).await;
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() < PIECE, "{path}: {} bytes at once", piece.len());
        text.extend(piece);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn the_table_of_all_claims_is_sent_while_it_is_read() {
    let app = App::with_running(1).await;
    app.sql(&format!(
        "insert into claim (pool_id, vm_id, email, person, state, released_at, release_reason)
         select pool_id, id, 'p' || n, 'p' || n, 'connected', now(), 'released'
         from vm, generate_series(1, {LINES}) as n order by n"
    ))
    .await;
    let oldest = "update claim set email = 'changed' where email = 'p1'";
    let table = sent(&app, "/admin/claims.csv", oldest).await;
    assert_eq!(table.lines().count(), LINES + 1);
    assert!(table.lines().nth(1).unwrap().starts_with("\"p2000\""), "the newest comes first");
    assert!(table.lines().last().unwrap().starts_with("\"changed\""), "it was not read before");
}

#[tokio::test]
async fn the_log_of_an_operation_is_sent_while_it_is_read() {
    let app = App::with_running(1).await;
    app.sql(&format!(
        "insert into operation_log (operation_id, level, line)
         select id, 'info', 'line ' || n from operation, generate_series(1, {LINES}) as n
         order by n"
    ))
    .await;
    let one_more = "insert into operation_log (operation_id, level, line)
                    select id, 'info', 'the last' from operation";
    let log = sent(&app, "/admin/operations/1/log", one_more).await;
    assert_eq!(log.lines().count(), LINES + 1);
    assert!(log.lines().next().unwrap().ends_with(" info  line 1"));
    assert!(log.lines().last().unwrap().ends_with(" info  the last"), "it was not read before");
}
