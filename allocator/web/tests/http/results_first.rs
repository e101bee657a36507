//! A destroy that waits until the results came home.

use axum::http::StatusCode;
use lablink_core::{
    collections::{self, Collect, Collected, OnSkipped},
    operations::{self, OperationState},
};
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
    assert!(!page.contains("left-out"), "this collection has left out nothing");
    // Unticked, the page comes back unticked.
    let body = format!("hostname={TWO}");
    let refused = app.call(form("/destroy", &body).by_browser().by_admin()).await;
    assert!(refused.body.contains(r#"name="collect" value="yes">"#));
}

#[tokio::test]
async fn what_was_left_out_stops_a_destroy_until_somebody_says_to_go_on() {
    let (app, _) = with_an_archive().await;
    let ask = async |skipped: &str| {
        let wish = json!({"hostname": [ONE], "collect": true, "skipped": skipped});
        let answer = app.call(post_json("/destroy", &wish).by_admin()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.json()["operation_id"].as_i64().unwrap()
    };
    let on_skipped = async |id: i64| {
        let operation = operations::find(&app.scope(), id.into()).await.unwrap().unwrap();
        operation.job::<Collect>().unwrap().unwrap().on_skipped
    };
    let wish = json!({"hostname": [ONE], "collect": true});
    let answer = app.call(post_json("/destroy", &wish).by_admin()).await.json();
    let destroy = answer["operation_id"].as_i64().unwrap();
    assert_eq!(on_skipped(destroy - 1).await, OnSkipped::Stop, "what is not said is no consent");
    let what = "results (a link to the folder <b>)";
    let vm = Collected {
        hostname: ONE.parse().unwrap(),
        files: 0,
        bytes: 0,
        unread: 0,
        skipped: 7,
        skipped_what: Some(what.to_owned()),
        seconds: 0.1,
        failure: None,
    };
    collections::record(&app.scope(), (destroy - 1).into(), &[vm], None).await.unwrap();
    finish(&app, OperationState::Failed).await;
    finish(&app, OperationState::Failed).await;
    for id in [destroy - 1, destroy] {
        let path = format!("/admin/operations/{id}");
        let page = app.call(get(&path).by_browser().by_admin()).await.body;
        let told = format!("{ONE}</b>, 7: results (a link to the folder &#60;b&#62;)");
        assert!(page.contains(&told), "{page}");
        assert_eq!(page.contains(r#"name="skipped" value="accept""#), id == destroy, "{page}");
    }
    let told = app.call(get("/api/collections").by_admin()).await.json();
    let vm = &told["collections"][0]["vms"][0];
    assert_eq!((&vm["skipped"], &vm["skipped_what"]), (&json!(7), &json!(what)));

    let accepted = ask("accept").await;
    assert_eq!(on_skipped(accepted - 1).await, OnSkipped::Accept);
    let unknown = json!({"hostname": [ONE], "collect": true, "skipped": "yes"});
    let refused = app.call(post_json("/destroy", &unknown).by_admin()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let ticked = format!("hostname={TWO}&confirm=yes&collect=yes&skipped=accept");
    let ticked = app.call(form("/destroy", &ticked).by_browser().by_admin()).await;
    assert_eq!(ticked.status, StatusCode::SEE_OTHER, "{}", ticked.body);
    assert_eq!(on_skipped(accepted + 1).await, OnSkipped::Accept);
}
