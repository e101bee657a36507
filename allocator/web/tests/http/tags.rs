//! Programs that ask again and again get a body only if it is another one.

use std::time::Duration;

use axum::http::StatusCode;
use lablink_core::vms;
use lablink_protocol::{Hostname, VmStatus};

use crate::app::{Answer, App, With, form, get};

const PATHS: [&str; 4] =
    ["/api/vms", "/api/vm-status", "/api/unassigned_vms_count", "/api/operations"];

async fn asked(app: &App, path: &str, tag: &str) -> Answer {
    app.call(get(path).by_admin().with("if-none-match", tag)).await
}

#[tokio::test]
async fn what_a_program_has_is_not_sent_again() {
    let app = App::with_running(3).await;
    for path in PATHS {
        let first = app.call(get(path).by_admin()).await;
        let tag = first.header("etag").to_owned();
        assert!(first.status == StatusCode::OK && tag.len() > 20, "{path}: {tag:?}");
        for shown in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let again = asked(&app, path, &shown).await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}, {shown}");
            assert!(again.body.is_empty() && again.header("etag") == tag, "{path}");
            assert_eq!(again.header("content-type"), "", "{path}");
            assert_eq!(again.header("cache-control"), "no-store", "{path}");
        }
        let other = asked(&app, path, "\"other\"").await;
        assert!(other.status == StatusCode::OK && other.body == first.body, "{path}");
        let stranger = app.call(get(path).with("if-none-match", &tag)).await;
        let is_public = path == "/api/unassigned_vms_count";
        assert_eq!(stranger.status == StatusCode::UNAUTHORIZED, !is_public, "{path}");
    }
}

#[tokio::test]
async fn a_change_is_told_to_who_has_the_answer_before() {
    let app = App::with_running(2).await;
    let mut tags = Vec::new();
    for path in PATHS {
        tags.push((path, app.call(get(path).by_admin()).await.header("etag").to_owned()));
    }
    let vm: Hostname = "lablink-vm-test-2".parse().unwrap();
    vms::set_status(&app.scope(), &vm, VmStatus::Error).await.unwrap();
    app.call(form("/destroy", "hostname=lablink-vm-test-1").by_admin()).await;
    for (path, tag) in tags {
        // This process hears of a change a moment after it.
        let told = async {
            loop {
                let answer = asked(&app, path, &tag).await;
                if answer.status == StatusCode::OK {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(20), told).await;
        let answer = answer.unwrap_or_else(|_elapsed| panic!("{path} stays as it was"));
        assert_ne!(answer.header("etag"), tag, "{path}");
    }
}

#[tokio::test]
async fn a_long_list_is_not_even_made_while_no_change_is_heard() {
    let app = App::with_running(2).await;
    // To listen counts as a change, and then there was the launch.
    while app.hub.heard() < Some(2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let first = app.call(get("/api/vm-status").by_admin()).await;
    let tag = first.header("etag");
    // No change tells of this one, so that nobody can hear of it.
    app.sql("update vm set status = 'error' where number = 1").await;
    assert_eq!(asked(&app, "/api/vm-status", tag).await.status, StatusCode::NOT_MODIFIED);
    let whole = app.call(get("/api/vm-status").by_admin()).await;
    assert!(whole.body.contains(r#""lablink-vm-test-1":"error""#), "who has none gets it");
    assert_eq!(asked(&app, "/api/vm-status", tag).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_document_says_which_answers_have_tags() {
    let app = App::with_running(0).await;
    let document = app.call(get("/openapi.json")).await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(get) = methods.get("get") else { continue };
        let is_tagged = PATHS.contains(&path.as_str());
        assert_eq!(get["responses"].get("304").is_some(), is_tagged, "{path}");
        let shown = get["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|it| it["name"] == "If-None-Match"));
        assert_eq!(shown, is_tagged, "{path}");
    }
}
