//! Claims whose desktop is shown in the browser's tab: the form, the claim's page, the desktop's page.

use axum::http::StatusCode;
use lablink_core::pools::Desktop;
use serde_json::{Value, json};

use crate::app::{self, App, With, form, get};

const HOST: &str = "lablink-vm-test-1";

/// One VM, which can show its desktop, in a pool where people see it so.
async fn lab(desktop: Desktop) -> App {
    let app = App::with_running(1).await.ruled(|rules| rules.claiming.desktop = desktop);
    app.sql("update vm set offers_desktop = true").await;
    app
}

async fn ask(app: &App, body: &str) -> app::Answer {
    app.call(form("/api/request_vm", body).by_browser()).await
}

/// What the agent is handed.
async fn handed(app: &App, agent: &str) -> Value {
    let wait = app::json("/vm_startup", &json!({ "hostname": HOST, "seen": {} }));
    let answer = app.call(wait.with("authorization", agent).with("prefer", "wait=0")).await;
    answer.json()
}

async fn page(app: &App, path: &str) -> app::Answer {
    app.call(get(path).by_browser()).await
}

#[tokio::test]
async fn an_e_mail_alone_is_a_claim_and_its_page_leads_to_the_desktop() {
    for desktop in [Desktop::Browser, Desktop::Both] {
        let app = lab(desktop).await;
        let agent = app.agent(HOST).await;
        let claimed = ask(&app, "email=ada%40example.org").await;
        assert_eq!(claimed.status, StatusCode::SEE_OTHER, "{}", claimed.body);
        let path = claimed.header("location").to_owned();
        let html = page(&app, &path).await.body;
        assert!(html.contains(&format!("{path}/desktop")), "{html}");
        assert!(!html.contains("PIN") && !html.contains("remotedesktop.google.com"));
        let desktop = page(&app, &format!("{path}/desktop")).await;
        assert_eq!(desktop.status, StatusCode::OK);
        assert!(desktop.body.contains(HOST) && desktop.body.contains("<noscript>"));
        assert!(desktop.header("content-security-policy").contains("img-src 'self' data:"));
        assert!(handed(&app, &agent).await["command"].as_str().unwrap().contains("lablink-tab-"));
        app.call(form(&format!("{path}/return"), "")).await;
        let over = page(&app, &format!("{path}/desktop")).await;
        assert_eq!((over.status, over.header("location")), (StatusCode::SEE_OTHER, path.as_str()));
    }
}

#[tokio::test]
async fn the_form_asks_for_a_command_where_one_is_of_use() {
    for (desktop, asks, needs) in [
        (Desktop::ChromeRemoteDesktop, true, true),
        (Desktop::Both, true, false),
        (Desktop::Browser, false, false),
    ] {
        let app = lab(desktop).await;
        let html = page(&app, "/").await.body;
        assert_eq!(html.contains("name=\"crd_command\""), asks, "{desktop}");
        assert_eq!(html.contains("rows=\"4\" required"), needs, "{desktop}");
        let without = ask(&app, "email=ada%40example.org&crd_command=+").await;
        let taken = without.status == StatusCode::SEE_OTHER;
        assert_eq!(taken, !needs, "{desktop}: {}", without.body);
    }
}

#[tokio::test]
async fn a_command_is_used_where_people_may_choose_and_has_no_effect_where_they_may_not() {
    for (desktop, used) in [(Desktop::Both, true), (Desktop::Browser, false)] {
        let app = lab(desktop).await;
        let agent = app.agent(HOST).await;
        let claimed = ask(&app, "email=ada%40example.org&crd_command=--code%3D4%2Fx").await;
        let path = claimed.header("location").to_owned();
        let command = handed(&app, &agent).await["command"].as_str().unwrap().to_owned();
        assert_eq!(command.contains("--code=4/x"), used, "{desktop}: {command}");
        let html = page(&app, &path).await.body;
        assert!(html.contains(&format!("{path}/desktop")), "{desktop}");
        assert_eq!(html.contains("remotedesktop.google.com/access"), used, "{desktop}");
    }
    let app = lab(Desktop::Both).await;
    let damaged = ask(&app, "email=ada%40example.org&crd_command=nonsense").await;
    assert_eq!(damaged.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made_up = ask(&app, "email=ada%40example.org&crd_command=--code%3Dlablink-tab-x").await;
    assert_eq!(made_up.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", made_up.body);
}

#[tokio::test]
async fn machines_that_show_no_desktop_are_for_people_with_a_command() {
    let app = lab(Desktop::Browser).await;
    app.sql("update vm set offers_desktop = false").await;
    let body = json!({ "email": "ada@example.org" });
    let refused = app.call(app::json("/api/request_vm", &body)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert_eq!(refused.json()["code"], "command_needed");
    let html = ask(&app, "email=ada%40example.org").await.body;
    assert!(html.contains("The free machines need a command") && html.contains("crd_command"));
    let agent = app.agent(HOST).await;
    let claimed = ask(&app, "email=ada%40example.org&crd_command=--code%3D4%2Fx").await;
    assert_eq!(claimed.status, StatusCode::SEE_OTHER, "{}", claimed.body);
    assert!(handed(&app, &agent).await["command"].as_str().unwrap().contains("--code=4/x"));
    let path = claimed.header("location").to_owned();
    let desktop = page(&app, &format!("{path}/desktop")).await;
    assert_eq!(desktop.status, StatusCode::SEE_OTHER, "there is none to show");
    assert!(page(&app, &path).await.body.contains("PIN"));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_is_one_claim_and_a_new_one_needs_proof() {
    let app = lab(Desktop::Browser).await;
    let html = page(&app, "/").await.body;
    let key_of_form = html.split("name=\"form_key\" value=\"").nth(1).unwrap();
    let key_of_form = key_of_form.split('"').next().unwrap();
    let body = format!("email=ada%40example.org&form_key={key_of_form}");
    let (first, second) = (ask(&app, &body).await, ask(&app, &body).await);
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
    assert_eq!(first.header("location"), second.header("location"));
    let stranger = ask(&app, "email=ada%40example.org").await;
    assert_eq!(stranger.status, StatusCode::CONFLICT);
    assert!(!stranger.body.contains("same command"), "there was none");
}

#[tokio::test]
async fn a_desktop_that_failed_is_started_again_without_a_command() {
    let app = lab(Desktop::Browser).await;
    let agent = app.agent(HOST).await;
    let claimed = ask(&app, "email=ada%40example.org").await;
    let path = claimed.header("location").to_owned();
    let first = handed(&app, &agent).await;
    let failed = json!({ "hostname": HOST, "claim_id": first["claim_id"], "command_no": 1,
                         "outcome": "failed", "detail": "The VNC server ended.", "fault": "command" });
    let told = app::json("/api/agent/claim-result", &failed).with("authorization", &agent);
    assert_eq!(app.call(told).await.status, StatusCode::OK);
    let html = page(&app, &path).await.body;
    assert!(
        html.contains("Your desktop did not start") && html.contains("Start the desktop again")
    );
    let again = app.call(form(&format!("{path}/command"), "").by_browser()).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
    let second = handed(&app, &agent).await;
    assert_eq!(second["command_no"], 2);
    assert!(second["command"].as_str().unwrap().contains("lablink-tab-"));
}

#[tokio::test]
async fn scripts_of_others_are_served_by_us_and_nothing_else_of_their_folder() {
    let app = lab(Desktop::Browser).await;
    let claimed = ask(&app, "email=ada%40example.org").await;
    let html = page(&app, &format!("{}/desktop", claimed.header("location"))).await.body;
    let novnc = html.split("data-novnc=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = app.call(get(novnc)).await;
    if lablink_web::shows_desktops() {
        assert_eq!(script.status, StatusCode::OK);
        assert!(script.header("content-type").starts_with("text/javascript"));
        assert!(script.body.contains("export default class RFB"));
    } else {
        assert_eq!(script.status, StatusCode::NOT_FOUND, "this program was built without them");
    }
    let folder = novnc.strip_suffix("core/rfb.js").unwrap();
    for other in ["../VERSION", "VERSION", "core/../VERSION", "core", "LICENSE.txt"] {
        let status = app.call(get(&format!("{folder}{other}"))).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{other}");
    }
}
