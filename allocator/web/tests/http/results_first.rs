//! A destroy that waits until the results came home.

use axum::http::StatusCode;
use lablink_core::operations::OperationState;
use serde_json::json;

use crate::{
    app::{With, form, get, json as post_json},
    collections::{ONE, TWO, finish, with_an_archive},
};

#[tokio::test]
async fn a_destroy_collects_first_if_it_is_told_to() {
    let (app, _) = with_an_archive().await;
    let preview = app.call(get("/admin/instances/delete").by_browser().by_admin()).await.body;
    for key in [r#"name="collect" value="yes" checked"#, "last collected", "never collected"] {
        assert!(preview.contains(key), "{key}");
    }
    let wish = json!({"hostname": [ONE], "collect": true});
    let destroy = app.call(post_json("/destroy", &wish).by_admin()).await.json();
    let destroy = destroy["operation_id"].as_i64().unwrap();
    let told = app.call(get(&format!("/api/operations/{destroy}")).by_admin()).await.json();
    assert_eq!((&told["kind"], &told["after"]), (&json!("destroy"), &json!(destroy - 1)));
    let body = format!("hostname={TWO}&confirm=yes&collect=yes");
    let ticked = app.call(form("/destroy", &body).by_browser().by_admin()).await;
    assert_eq!(ticked.header("location"), format!("/admin/operations/{}", destroy + 2));
    for (sent, status) in
        [(json!("soon"), StatusCode::UNPROCESSABLE_ENTITY), (json!(false), StatusCode::ACCEPTED)]
    {
        let wish = json!({"hostname": [ONE], "collect": sent});
        assert_eq!(app.call(post_json("/destroy", &wish).by_admin()).await.status, status);
    }

    finish(&app, OperationState::Failed).await;
    finish(&app, OperationState::Failed).await;
    let path = format!("/admin/operations/{destroy}");
    let page = app.call(get(&path).by_browser().by_admin()).await.body;
    assert!(page.contains("Collect the results of 1 VM"), "what it waited for");
}

#[tokio::test]
async fn a_destroy_held_back_by_a_failed_collection_asks_what_to_lose() {
    let (app, _) = with_an_archive().await;
    let body = format!("hostname={TWO}&confirm=yes&collect=yes");
    let held = app.call(form("/destroy", &body).by_browser().by_admin()).await;
    finish(&app, OperationState::Failed).await;
    finish(&app, OperationState::Failed).await;
    let page = app.call(get(held.header("location")).by_browser().by_admin()).await.body;
    for key in
        ["Destroy without their results", "Collect again, then destroy", "Nothing was done to it."]
    {
        assert!(page.contains(key), "{key}");
    }
    // Unticked, the page comes back unticked.
    let body = format!("hostname={TWO}");
    let refused = app.call(form("/destroy", &body).by_browser().by_admin()).await;
    assert!(refused.body.contains(r#"name="collect" value="yes">"#));
}
