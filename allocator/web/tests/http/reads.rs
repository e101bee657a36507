//! Which reads write: whoever adds one says so here, and who may cause it.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use futures_util::StreamExt;
use lablink_web::access_table;
use serde_json::json;

use crate::{
    app::{App, With, form, get, json as post_json},
    collections::{ONE, with_an_archive},
};

/// Reads that change something in the database.
const WRITING: [(&str, Why); 4] = [
    ("/line/{link}", Why::BySecretLink),
    ("/line/{link}/events", Why::BySecretLink),
    ("/api/scp-client", Why::FromHereAlone),
    ("/api/collections/{operation_id}/download", Why::FromHereAlone),
];

/// Why another site's page can't cause it.
#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// It would have to know the link.
    BySecretLink,
    /// It is refused to other sites even as a link that is followed.
    FromHereAlone,
}

/// Notes every statement that writes, whatever it changes.
const WATCH: &str = "
    create table written (what text not null);
    create function note_write() returns trigger language plpgsql as $$
        begin insert into written values (tg_op || ' ' || tg_table_name); return null; end $$;
    do $$ declare name text; begin
        for name in select tablename from pg_tables
                    where schemaname = 'public' and tablename <> 'written' loop
            execute format('create trigger note_write after insert or update or delete on %I
                            for each statement execute function note_write()', name);
        end loop;
    end $$";

async fn written(app: &App) -> String {
    app.text("select coalesce(string_agg(distinct what, ', '), '') from written").await
}

/// Reads what comes at once: some answers never end.
async fn read(app: &App, request: Request<Body>) -> StatusCode {
    let response = app.send(request).await;
    let status = response.status();
    let mut body = response.into_body().into_data_stream();
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(300), body.next()).await {}
    status
}

#[tokio::test]
async fn no_read_writes_but_those_that_are_named_here() {
    let (app, archive) = with_an_archive().await;
    let claimed = json!({"email": "ada@example.org", "crd_command": "--code=4/x"});
    let claimed = app.call(post_json("/api/request_vm", &claimed)).await.json();
    let claim = claimed["claim_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    // Nobody finds a free one any more.
    app.sql("update vm set status = 'initializing' where claim_id is null").await;
    let place = app.call(form("/line", "email=bob@example.org").by_browser()).await;
    let place = place.header("location").rsplit('/').next().unwrap().to_owned();
    app.sql(WATCH).await;

    let mut reads = access_table();
    reads.retain(|(method, ..)| *method == Method::GET);
    // Those that write when their answers have ended come last.
    reads.sort_by_key(|(_, path, _)| {
        WRITING.iter().any(|it| it.0 == *path && it.1 == Why::FromHereAlone)
    });
    for (_, path, _) in reads {
        let link = if path.starts_with("/line") { &place } else { &claim };
        let concrete = path
            .replace("{hostname}", ONE)
            .replace("{operation_id}", &archive.to_string())
            .replace("/claims/{id}", "/claims/1")
            .replace("{id}", &archive.to_string())
            .replace("{code}", "clock")
            .replace("{target}", "desktop")
            .replace("{channel_id}", "none")
            .replace("{version}/{*path}", "none/none")
            .replace("{deed}", "release")
            .replace("/lines", "/lines?after=0")
            .replace("{name}", "app.css")
            .replace("{link}", link);
        assert!(!concrete.contains('{'), "{path} has a part that this test can't fill");
        for browser in [false, true] {
            let ask = get(&concrete).by_admin();
            let ask = if browser { ask.by_browser() } else { ask };
            let status = read(&app, ask).await;
            let is_there = status.is_success()
                // What is JSON for programs leads a browser to the page.
                || browser && status == StatusCode::SEE_OTHER
                // Its desktop is Chrome Remote Desktop's.
                || path == "/claims/{link}/desktop" && status == StatusCode::SEE_OTHER
                // They take WebSockets alone, and one of them agents.
                || path.contains("/channel") && status == StatusCode::UPGRADE_REQUIRED
                || path.starts_with("/api/agent/channels") && status == StatusCode::FORBIDDEN
                // Nothing was fetched here.
                || path.starts_with("/assets/fetched") && status == StatusCode::NOT_FOUND
                || path.starts_with("/install")
                || path.contains("{id}/") && status == StatusCode::CONFLICT;
            assert!(is_there, "{concrete} gives {status}, so nothing is shown");
        }
        let named = WRITING.iter().find(|it| it.0 == path);
        match named {
            None => assert_eq!(written(&app).await, "", "{path} writes"),
            Some((_, why)) => {
                let start = Instant::now();
                while written(&app).await.is_empty() {
                    assert!(start.elapsed() < Duration::from_secs(60), "{path} writes nothing");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                assert_eq!(*why == Why::BySecretLink, path.contains("{link}"), "{path}");
            }
        }
        app.sql("truncate written").await;
        let asked = !app.collector.asked.lock().unwrap().is_empty();
        assert_eq!(asked, path == "/api/scp-client", "{path} begins a collection");
        app.collector.asked.lock().unwrap().clear();
    }
}
