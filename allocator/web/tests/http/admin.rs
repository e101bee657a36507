use axum::http::StatusCode;
use serde_json::json;

use crate::app::{App, With, form, get, json};

#[tokio::test]
async fn every_page_opens() {
    let app = App::with_running(2).await;
    app.call(form("/api/request_vm", "email=%3Cb%3E%40x&crd_command=--code%3D4%2Fx")).await;
    for (path, says) in [
        ("/admin", "Launch"),
        ("/admin/create", "num_vms"),
        ("/admin/instances", "lablink-vm-test-2"),
        ("/admin/instances/delete", "lablink-vm-test-1"),
        ("/admin/operations", "Launch 2 VMs"),
        ("/admin/operations/1", "Queued"),
    ] {
        let page = app.call(get(path).by_browser().by_admin()).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains(says), "{path}");
        assert!(!page.body.contains("<b>@x"), "{path} escapes");
        assert!(page.body.len() < 50_000, "{path}");
    }
}

#[tokio::test]
async fn a_launch_leads_a_browser_to_its_page_and_a_program_to_its_json() {
    let app = App::with_running(0).await;
    let page = app.call(form("/api/launch", "num_vms=2").by_browser().by_admin()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.header("location"), "/admin/operations/2");

    let answer = app.call(json("/api/launch", &json!({"num_vms": 1})).by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json(), json!({"operation_id": 3}));
    let operation = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(operation["hostnames"], json!(["lablink-vm-test-3"]));
    assert_eq!((&operation["kind"], &operation["state"]), (&json!("launch"), &json!("queued")));
    assert_eq!(operation["actor"], "admin:teacher");
    assert_eq!(operation["progress"], json!({"done": 0, "total": 1}));
}

#[tokio::test]
async fn a_bad_number_is_refused_at_the_form() {
    let app = App::with_running(0).await;
    for (typed, says) in [
        ("", "required"),
        ("0", "greater than 0"),
        ("two", "valid integer"),
        ("101", "at most 100"),
    ] {
        let body = format!("num_vms={typed}");
        let page = app.call(form("/api/launch", &body).by_browser().by_admin()).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(page.body.contains(says), "{typed}");
        let answer = app.call(form("/api/launch", &body).by_admin()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(answer.json()["error"].as_str().unwrap().contains(says), "{typed}");
    }
}

#[tokio::test]
async fn a_browser_must_tick_what_goes_and_that_it_means_it() {
    let app = App::with_running(2).await;
    let one = "hostname=lablink-vm-test-1";
    for body in ["confirm=yes", one] {
        let page = app.call(form("/destroy", body).by_browser().by_admin()).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let free =
        || async { app.call(get("/api/unassigned_vms_count")).await.json()["count"].clone() };
    assert_eq!(free().await, 2, "nothing happened");
    let page =
        app.call(form("/destroy", &format!("{one}&confirm=yes")).by_browser().by_admin()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(free().await, 1);
}

#[tokio::test]
async fn a_program_that_names_none_destroys_all() {
    let app = App::with_running(3).await;
    let mut post = get("/destroy").by_admin();
    *post.method_mut() = axum::http::Method::POST;
    let answer = app.call(post).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let operation = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(operation["hostnames"].as_array().unwrap().len(), 3);

    let unknown = app.call(form("/destroy", "hostname=nobody").by_admin()).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_queued_operation_is_cancelled_once() {
    let app = App::with_running(2).await;
    let cancel = || form("/api/operations/1/cancel", "").by_admin();
    assert_eq!(app.call(cancel()).await.status, StatusCode::ACCEPTED);
    assert_eq!(app.call(get("/api/operations/1").by_admin()).await.json()["state"], "cancelled");
    assert_eq!(app.call(cancel()).await.status, StatusCode::CONFLICT);
    let missing = form("/api/operations/99/cancel", "").by_admin();
    assert_eq!(app.call(missing).await.status, StatusCode::NOT_FOUND);
    let strange = get("/api/operations/x").by_admin();
    assert!(app.call(strange).await.status.is_client_error());
}

#[tokio::test]
async fn vms_are_listed_page_by_page() {
    let app = App::with_running(5).await;
    let mut path = "/api/vms?limit=2".to_owned();
    let mut numbers = Vec::new();
    loop {
        let page = app.call(get(&path).by_admin()).await.json();
        let vms = page["vms"].as_array().unwrap();
        assert!(vms.len() <= 2);
        numbers.extend(vms.iter().map(|vm| vm["number"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/vms?limit=2&after={next}");
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    for path in ["/api/vms?after=x", "/api/vms?limit=x"] {
        assert!(app.call(get(path).by_admin()).await.status.is_client_error(), "{path}");
    }
    let one = app.call(get("/api/vms/lablink-vm-test-3").by_admin()).await.json();
    assert_eq!(
        (&one["status"], &one["source"], &one["claim"]),
        (&json!("running"), &json!("local"), &json!(null))
    );
    assert_eq!(app.call(get("/api/vms/nobody").by_admin()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_organiser_sees_who_tried_to_get_in() {
    let app = App::with_running(1).await;
    for code in ["4%2Fhers", "4%2Fstolen"] {
        let body = format!("email=ada%40example.org&crd_command=--code%3D{code}");
        app.call(form("/api/request_vm", &body)).await;
    }
    let page = app.call(get("/admin").by_browser().by_admin()).await;
    assert!(page.body.contains("knew only the e-mail asked for lablink-vm-test-1"));
    assert!(page.body.contains("lablink-vm-test-1 was claimed"));
    let events = app.call(get("/api/events").by_admin()).await.json();
    let newest = &events["events"][0];
    assert_eq!(
        (&newest["kind"], &newest["hostname"]),
        (&json!("claim.reentry_requested"), &json!("lablink-vm-test-1"))
    );
    let before = newest["event_id"].to_string();
    let older = app.call(get(&format!("/api/events?before={before}")).by_admin()).await.json();
    assert_eq!(older["events"][0]["kind"], "claim.created");
}

#[tokio::test]
async fn an_organiser_takes_a_vm_back_or_away() {
    let app = App::with_running(2).await;
    app.call(form("/api/request_vm", "email=ada%40example.org&crd_command=--code%3D4%2Fx")).await;
    let release =
        |then: &str| json("/api/vms/lablink-vm-test-1/release", &json!({"then": then})).by_admin();
    assert_eq!(app.call(release("keep")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.call(release("reuse")).await.status, StatusCode::OK);
    assert_eq!(app.call(release("reuse")).await.json()["code"], "not_claimed");
    assert_eq!(app.call(get("/api/unassigned_vms_count")).await.json()["count"], 2);

    let mut delete = get("/api/vms/lablink-vm-test-1").by_admin();
    *delete.method_mut() = axum::http::Method::DELETE;
    let answer = app.call(delete).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let operation = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(operation["hostnames"], json!(["lablink-vm-test-1"]));
}

#[tokio::test]
async fn a_vm_that_is_taken_back_is_replaced_unless_said_otherwise() {
    let app = App::with_running(1).await;
    let claim = form("/api/request_vm", "email=ada%40example.org&crd_command=--code%3D4%2Fx");
    let link = app.call(claim.by_browser()).await.header("location").to_owned();
    let answer = app.call(form("/api/vms/lablink-vm-test-1/release", "").by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let operation = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(
        (&operation["kind"], &operation["hostnames"]),
        (&json!("replace"), &json!(["lablink-vm-test-1"]))
    );
    assert!(app.call(get(&link).by_browser()).await.body.contains("This machine was released"));
    assert_eq!(app.call(get("/api/unassigned_vms_count")).await.json()["count"], 0, "not as it is");
}
