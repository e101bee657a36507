//! What an organiser sees of a state that can't be true, and the ways out.

use axum::http::StatusCode;
use lablink_core::{
    operations::{self, OperationState, Outcome},
    state::{self, Fault},
};
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json, kinds};

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

/// The launch of two VMs met a state that lacks both.
async fn with_a_conflict() -> App {
    let app = App::with_running(2).await;
    let taken = operations::take(&app.scope(), "test", &kinds()).await.unwrap().unwrap();
    let lacking = [ONE.parse().unwrap(), TWO.parse().unwrap()];
    state::record_conflict(&app.scope(), 1.into(), Fault::Empty, &lacking).await.unwrap();
    let reason = Some("Nothing was changed.".to_owned());
    let outcome = Outcome { state: OperationState::Failed, exit_code: None, reason };
    taken.lease.finish(&outcome).await.unwrap();
    app
}

#[tokio::test]
async fn the_page_and_json_name_the_vms_and_offer_both_ways_out() {
    let app = with_a_conflict().await;
    let page = app.call(get("/admin/operations/1").by_browser().by_admin()).await.body;
    for key in [
        ONE,
        TWO,
        "state is empty",
        "/admin/operations/1/bring-back",
        "/admin/operations/1/give-up",
    ] {
        assert!(page.contains(key), "{key}");
    }
    let conflict = app.call(get("/api/operations/1").by_admin()).await.json()["conflict"].clone();
    let expected = json!({
        "fault": "empty", "hostnames": [ONE, TWO], "solved": false,
        "bring_back": "/api/operations/1/bring-back", "give_up": "/api/operations/1/give-up",
    });
    assert_eq!(conflict, expected);
    for way in ["bring-back", "give-up"] {
        let path = format!("/admin/operations/1/{way}");
        let page = app.call(get(&path).by_browser().by_admin()).await;
        assert!(page.status == StatusCode::OK && page.body.contains(TWO), "{way}");
        let missing = app.call(get("/admin/operations/9/give-up").by_browser().by_admin()).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn vms_are_given_up_by_name_and_on_purpose() {
    let app = with_a_conflict().await;
    let path = "/api/operations/1/give-up";
    let all = format!("hostname={ONE}&hostname={TWO}");
    let unticked = app.call(form(path, &all).by_browser().by_admin()).await;
    assert_eq!(unticked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unticked.body.contains("Tick the box"));
    for wish in [json!({}), json!({ "hostname": [ONE] }), json!({ "hostnames": [ONE, TWO] })] {
        let refused = app.call(post_json(path, &wish).by_admin()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wish}");
    }
    let ticked = format!("{all}&confirm=yes");
    let queued = app.call(form(path, &ticked).by_browser().by_admin()).await;
    assert_eq!(queued.header("location"), "/admin/operations/2");
    let told = app.call(get("/api/operations/2").by_admin()).await.json();
    assert_eq!((&told["kind"], &told["hostnames"]), (&json!("give_up"), &json!([ONE, TWO])));
    assert!(told["actor"].as_str().unwrap().starts_with("admin:"));
    let page = app.call(get("/admin/operations/2").by_browser().by_admin()).await.body;
    assert!(page.contains("Give up 2 VMs"));
}

#[tokio::test]
async fn a_solved_conflict_offers_a_retry_instead() {
    let app = with_a_conflict().await;
    let queued = app.call(form("/api/operations/1/bring-back", "").by_admin()).await;
    assert_eq!(queued.status, StatusCode::ACCEPTED);
    let told = app.call(get(queued.header("location")).by_admin()).await.json();
    assert_eq!(told["kind"], "bring_back");
    let held = [ONE.parse().unwrap(), TWO.parse().unwrap()];
    state::take_true(&app.scope(), None, &held).await.unwrap();
    app.sql("update vm set status = 'error' where number = 2").await;
    let page = app.call(get("/admin/operations/1").by_browser().by_admin()).await.body;
    assert!(page.contains("has been solved") && !page.contains("/give-up"));
    let again = app.call(form("/api/operations/1/bring-back", "").by_admin()).await;
    assert_eq!(
        (again.status, &again.json()["code"]),
        (StatusCode::CONFLICT, &json!("no_conflict"))
    );
}
