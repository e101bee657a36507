use axum::http::StatusCode;
use serde_json::json;

use crate::app::{App, With, form, get, json};

const ADA: &str = "email=ada%40example.org&crd_command=start-host+--code%3D%224%2Fx%22";

#[tokio::test]
async fn a_browser_is_led_to_its_claims_own_page() {
    let app = App::with_running(2).await;
    let answer = app.call(form("/api/request_vm", ADA).by_browser()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let link = answer.header("location").to_owned();
    assert!(link.starts_with("/claims/") && link.len() > 50, "unguessable: {link}");
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");

    let page = app.call(get(&link).by_browser()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("lablink-vm-test-1"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
}

#[tokio::test]
async fn a_program_gets_json() {
    let app = App::with_running(1).await;
    let body = json!({"email": "ada@example.org", "crd_command": "--code=4/x"});
    let request = || json("/api/request_vm", &body).with("host", "lab:5000");
    let first = app.call(request()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let first = first.json();
    assert_eq!(first["hostname"], "lablink-vm-test-1");
    assert_eq!(first["pin"].as_str().unwrap().len(), 6);
    assert!(first["claim_url"].as_str().unwrap().starts_with("http://lab:5000/claims/"));

    let again = app.call(request()).await;
    assert_eq!(again.status, StatusCode::OK, "a double click");
    assert_eq!(again.json()["pin"], first["pin"]);
}

#[tokio::test]
async fn a_mistake_brings_the_form_back_as_it_was_typed() {
    let app = App::with_running(1).await;
    let typed = "email=ada%40example.org&crd_command=start-host+%3Cscript%3E";
    let answer = app.call(form("/api/request_vm", typed).by_browser()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("ada@example.org"));
    assert!(answer.body.contains("no --code"), "says what is missing");
    assert!(!answer.body.contains("<script>"), "escaped");

    let answer = app.call(form("/api/request_vm", "email=ada").by_browser()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = app.call(form("/api/request_vm", "")).await;
    assert_eq!(answer.json()["code"], "invalid");
}

#[tokio::test]
async fn an_empty_pool_is_a_503_with_the_form_kept() {
    let app = App::with_running(0).await;
    let page = app.call(form("/api/request_vm", ADA).by_browser()).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("ada@example.org"));
    let answer = app.call(form("/api/request_vm", ADA)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "none_free");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn who_knows_only_the_email_gets_no_pin() {
    let app = App::with_running(2).await;
    let first = app.call(form("/api/request_vm", ADA)).await.json();
    let stranger = ADA.replace("4%2Fx", "4%2Fstolen");
    let answer = app.call(form("/api/request_vm", &stranger)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "already_claimed");
    assert!(!answer.body.contains(first["pin"].as_str().unwrap()));
    let page = app.call(form("/api/request_vm", &stranger).by_browser()).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(!page.body.contains("lablink-vm-test-1"));
}

#[tokio::test]
async fn the_same_browser_gets_back_in_with_another_command() {
    let app = App::with_running(2).await;
    let first = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    let other = ADA.replace("4%2Fx", "4%2Fnew");
    let again =
        app.call(form("/api/request_vm", &other).by_browser().with("cookie", &cookie)).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let page = app.call(get(again.header("location")).by_browser()).await;
    assert!(page.body.contains("lablink-vm-test-1"));
}

#[tokio::test]
async fn a_new_command_goes_through_the_claims_page() {
    let app = App::with_running(1).await;
    let answer = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let link = answer.header("location").to_owned();
    let command = format!("{link}/command");
    let bad = app.call(form(&command, "crd_command=nothing").by_browser()).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let good = app.call(form(&command, "crd_command=--code%3D4%2Fy").by_browser()).await;
    assert_eq!(good.status, StatusCode::SEE_OTHER);
    assert_eq!(good.header("location"), link);
}

#[tokio::test]
async fn a_wrong_link_opens_nothing() {
    let app = App::with_running(1).await;
    for path in ["/claims/guess", "/claims/guess/events"] {
        assert_eq!(app.call(get(path)).await.status, StatusCode::NOT_FOUND);
    }
    let command = form("/claims/guess/command", "crd_command=--code%3D4%2Fy");
    assert_eq!(app.call(command).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_count_is_what_can_be_claimed() {
    let app = App::with_running(3).await;
    app.call(form("/api/request_vm", ADA)).await;
    assert_eq!(app.call(get("/api/unassigned_vms_count")).await.body, r#"{"count":2}"#);
    assert!(app.call(get("/").by_browser()).await.body.contains("2 machines free"));
}

#[tokio::test]
async fn a_class_with_an_access_code_and_its_own_domains() {
    let app = App::with_running(2).await.admitting(&["example.org"], "open sesame");
    assert!(app.call(get("/").by_browser()).await.body.contains("Access code"));
    let without = app.call(form("/api/request_vm", ADA)).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without.json()["error"].as_str().unwrap().contains("access code"));
    let stranger = ADA.replace("example.org", "evil.example") + "&access_code=open+sesame";
    let stranger = app.call(form("/api/request_vm", &stranger)).await;
    assert!(stranger.json()["error"].as_str().unwrap().contains("example.org"));
    let right = app.call(form("/api/request_vm", &format!("{ADA}&access_code=open+sesame"))).await;
    assert_eq!(right.status, StatusCode::CREATED);
}

#[tokio::test]
async fn no_spelling_of_domain_or_code_locks_anybody_out() {
    let app = App::with_running(2).await.admitting(&["müller.example"], "Open Sesame-7");
    for (email, code) in [
        ("ada@xn--mller-kva.example", "open sesame-7"),
        ("Ada <ada@MÜLLER.example>,", " OPENSESAME–7"),
        ("mailto:ada@mu\u{308}ller.example", "Open\u{a0}Sesame‑7\u{200b}"),
    ] {
        let body = json!({"email": email, "crd_command": "--code=4/x", "access_code": code});
        let answer = app.call(json("/api/request_vm", &body)).await;
        assert!(answer.status.is_success(), "{email} {code}: {}", answer.body);
        assert_eq!(answer.json()["hostname"], "lablink-vm-test-1", "one person");
    }
    let body = json!({"email": "ada@example.org", "access_code": "open sesame-7"});
    let stranger = app.call(json("/api/request_vm", &body)).await.json();
    assert!(stranger["error"].as_str().unwrap().contains("müller.example"));
}

#[tokio::test]
async fn a_flood_for_one_email_is_slowed_and_a_class_is_not() {
    let app = App::with_running(70).await;
    for n in 0..60 {
        let body = ADA.replace("ada", &format!("person{n}"));
        assert_eq!(app.call(form("/api/request_vm", &body)).await.status, StatusCode::CREATED);
    }
    assert_eq!(app.call(form("/api/request_vm", ADA)).await.status, StatusCode::CREATED);
    let stolen = ADA.replace("4%2Fx", "4%2Fstolen");
    let mut last = StatusCode::OK;
    for _ in 0..25 {
        last = app.call(form("/api/request_vm", &stolen)).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let page = app.call(form("/api/request_vm", &stolen).by_browser()).await;
    assert!(page.body.contains("ada@example.org") && page.body.contains("Wait a minute"));
}
