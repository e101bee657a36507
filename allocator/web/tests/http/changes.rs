//! The stream that all pages of a browser share.

use std::time::Duration;

use axum::{body::BodyDataStream, http::StatusCode};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::app::{App, With, form, get, json as post};

const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";

struct Stream(BodyDataStream);

impl Stream {
    /// What comes next; beats are left out.
    async fn next(&mut self) -> Value {
        loop {
            let piece = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await;
            let piece = piece.expect("nothing came").expect("it ended").unwrap();
            if let Some(data) = std::str::from_utf8(&piece).unwrap().strip_prefix("data: ") {
                return serde_json::from_str(data.trim()).unwrap();
            }
        }
    }
}

async fn listen(app: &App, pages: &[&str]) -> Stream {
    let call = post("/changes", &json!({ "pages": pages }));
    opened(app.send(call).await).await
}

async fn listen_as_organiser(app: &App, pages: &[&str]) -> Stream {
    let call = post("/admin/changes", &json!({ "pages": pages })).by_admin();
    opened(app.send(call).await).await
}

async fn opened(answer: axum::response::Response) -> Stream {
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let mut stream = Stream(answer.into_body().into_data_stream());
    let begins = stream.next().await;
    assert!(begins["begins"]["beat_ms"].is_u64() && begins["begins"]["renewed_after_ms"].is_u64());
    stream
}

#[tokio::test]
async fn one_stream_names_each_page_that_is_to_look_again() {
    let app = App::with_running(1).await;
    let claim = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let claim = claim.header("location").to_owned();
    let place = app.call(form("/line", "email=bob%40example.org").by_browser()).await;
    let place = place.header("location").to_owned();
    let mut stream = listen(&app, &[&claim, &place, &claim]).await;
    app.call(form(&format!("{claim}/return"), "").by_browser()).await;
    app.call(form("/line", "email=cy%40example.org").by_browser()).await;
    let mut told = [stream.next().await, stream.next().await];
    told.sort_by_key(Value::to_string);
    assert_eq!(told, [json!({ "changed": claim }), json!({ "changed": place })]);
    app.shutdown.cancel();
    let end = tokio::time::timeout(Duration::from_secs(30), stream.0.next()).await;
    assert!(end.unwrap().is_none(), "it ends with the process");
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_told_to_look_and_learns_nothing_more() {
    let app = App::with_running(1).await;
    let mut stream = listen(&app, &["/claims/guess", "/line/guess"]).await;
    let mut told = [stream.next().await, stream.next().await];
    told.sort_by_key(Value::to_string);
    assert_eq!(told, [json!({ "changed": "/claims/guess" }), json!({ "changed": "/line/guess" })]);
    app.call(form("/api/request_vm", ADA).by_browser()).await;
    let silence = tokio::time::timeout(Duration::from_millis(700), stream.next()).await;
    assert!(silence.is_err());
}

#[tokio::test]
async fn to_listen_for_a_place_is_to_look_at_it() {
    let app = App::with_running(0).await;
    let place = app.call(form("/line", "email=bob%40example.org").by_browser()).await;
    let place = place.header("location").to_owned();
    app.sql("update place set last_looked_at = now() - interval '170 seconds'").await;
    let _stream = listen(&app, &[&place]).await;
    let age = app.text("select (now() - last_looked_at < interval '60 seconds')::text from place");
    assert_eq!(age.await, "true");
}

#[tokio::test]
async fn organisers_hear_of_everything_of_an_operation_and_of_a_log() {
    let app = App::with_running(1).await;
    app.launch(1).await;
    let operation = app.text("select max(id)::text from operation").await;
    let operation = format!("/admin/operations/{operation}");
    let log = "/admin/logs/lablink-vm-test-1";
    let mut everything = listen_as_organiser(&app, &["/admin"]).await;
    let mut one = listen_as_organiser(&app, &[&operation, log]).await;
    app.call(form(&format!("{}/cancel", operation.replace("/admin", "/api")), "").by_admin()).await;
    assert_eq!(everything.next().await, json!({ "changed": "/admin" }));
    assert_eq!(one.next().await, json!({ "changed": operation }));
    let lines = json!({"log_group": "g", "log_stream": "lablink-vm-test-1", "messages": ["<b>1"]});
    let agent = app.agent("lablink-vm-test-1").await;
    let taken = app.call(post("/api/vm-logs", &lines).with("authorization", &agent)).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
    while one.next().await != json!({ "changed": log }) {}
    let lines = app.call(get(&format!("{log}/lines?after=0")).by_admin()).await;
    assert!(lines.body.starts_with("<li id=\"l") && lines.body.contains("&#60;b&#62;1"));
    let id = lines.body.split('"').nth(1).unwrap().trim_start_matches('l').to_owned();
    let none = app.call(get(&format!("{log}/lines?after={id}")).by_admin()).await;
    assert_eq!((none.status, none.body.trim()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn what_is_no_such_page_and_too_many_are_refused() {
    let app = App::with_running(1).await;
    let many: Vec<_> = (0..65).map(|nr| format!("/line/{nr}")).collect();
    for pages in [json!(["/admin"]), json!(["/claims"]), json!([""]), json!(many), json!("x")] {
        let answer = app.call(post("/changes", &json!({ "pages": pages }))).await;
        assert!(answer.status.is_client_error(), "{pages}: {}", answer.status);
    }
    for page in ["/claims/x", "/admin/operations/x", "/admin/logs/a b", "/admin/"] {
        let call = post("/admin/changes", &json!({ "pages": [page] }));
        assert_eq!(app.call(call.by_admin()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let stranger = app.call(post("/admin/changes", &json!({ "pages": ["/admin"] }))).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let elsewhere = post("/changes", &json!({ "pages": [] })).with("sec-fetch-site", "cross-site");
    assert_eq!(app.call(elsewhere).await.status, StatusCode::FORBIDDEN);
}
