use axum::http::StatusCode;
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json};

#[tokio::test]
async fn a_machine_is_registered_with_a_command_that_is_good_once() {
    let app = App::new(AgentAuth::Required).await;
    let wish = json!({"hostname": "desk-7.lab.example.org"});
    let post = || post_json("/api/vms", &wish).by_admin().with("host", "lab:5000");
    let answer = app.call(post()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let told = answer.json();
    let token = told["enrolment_token"].as_str().unwrap();
    let command = told["install_command"].as_str().unwrap();
    assert!(command.contains(token) && command.contains("http://lab:5000/install"), "{command}");
    assert!(command.ends_with("lablink desk-7.lab.example.org") && told["expires_at"].is_string());
    let taken = app.call(post()).await;
    assert_eq!(
        (taken.status, taken.json()["code"].clone()),
        (StatusCode::CONFLICT, json!("taken"))
    );

    let enrol = json!({"hostname": "desk-7.lab.example.org", "enrolment_token": token});
    let enrol = || post_json("/api/agent/enrol", &enrol);
    assert_eq!(app.call(enrol()).await.status, StatusCode::OK);
    let page = async || {
        let page = get("/admin/vms/desk-7.lab.example.org").by_browser().by_admin();
        app.call(page).await.body
    };
    assert!(!page().await.contains("never enrolled"), "it may still be on its way");
    let later = "update enrolment set expires_at = expires_at - interval '16 minutes'";
    app.db.client().await.unwrap().batch_execute(later).await.unwrap();
    let told = page().await;
    let help = r#"action="/admin/machines/desk-7.lab.example.org/install""#;
    assert!(told.contains("never enrolled") && told.contains(help), "{told}");

    // As if that answer was lost: the token is good until the one that it brought was used.
    let second = app.call(enrol()).await.json()["agent_token"].as_str().unwrap().to_owned();
    let beat = post_json("/api/agent/heartbeat", &json!({"hostname": "desk-7.lab.example.org"}));
    let beat = beat.with("authorization", &format!("Bearer {second}"));
    assert_eq!(app.call(beat).await.status, StatusCode::OK);
    assert_eq!(app.call(enrol()).await.status, StatusCode::FORBIDDEN);
    assert!(!page().await.contains("never enrolled"));

    let removed = get("/api/vms/desk-7.lab.example.org").by_admin();
    let (mut parts, body) = removed.into_parts();
    parts.method = axum::http::Method::DELETE;
    let removed = axum::http::Request::from_parts(parts, body);
    assert_eq!(app.call(removed).await.status, StatusCode::OK);
    let gone = app.call(get("/api/vms/desk-7.lab.example.org").by_admin()).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn names_are_checked_and_made_up() {
    let app = App::new(AgentAuth::Required).await;
    for name in ["lablink-vm-test-1", "-x", "a b", "<script>"] {
        let wish = json!({ "hostname": name });
        let answer = app.call(post_json("/api/vms", &wish).by_admin().with("host", "lab")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let typed = form("/api/vms", "hostname=-x").by_browser().by_admin().with("host", "lab");
        assert!(app.call(typed).await.body.contains(r#"value="-x""#));
    }
    let none = form("/api/vms", "hostname=").by_browser().by_admin().with("host", "lab");
    let page = app.call(none).await;
    assert_eq!(page.status, StatusCode::CREATED);
    assert!(page.body.contains("Run this on <span class=\"host\">machine-"));
    let name = page.body.split("/admin/vms/").nth(1).unwrap().split('"').next().unwrap();
    let again = form(&format!("/admin/machines/{name}/install"), "").by_browser().by_admin();
    assert!(app.call(again.with("host", "lab")).await.body.contains("printf %s"));
    let forget = form(&format!("/admin/machines/{name}/forget"), "").by_browser().by_admin();
    assert_eq!(app.call(forget).await.header("location"), "/admin/instances");
    let strange = form("/admin/machines/nobody/install", "").by_admin().with("host", "lab");
    assert_eq!(app.call(strange).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_machines_ssh_key_is_taken_only_where_it_can_be_kept_safe() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let wish = |login: &str| {
        let ssh = json!({"address": "10.0.0.7", "login": login, "private_key": pem});
        json!({"hostname": "desk", "ssh": ssh})
    };
    let app = App::new(AgentAuth::Required).await;
    let post = |login: &str| post_json("/api/vms", &wish(login)).by_admin().with("host", "lab");
    let refused = app.call(post("ada")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("LABLINK_SECRET_KEY"), "{}", refused.body);
    let app = app.with_secret_key();
    let wrong = app.call(post("-oProxyCommand=x")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("ssh login: write a user name"), "{}", wrong.body);
    assert_eq!(app.call(post("ada")).await.status, StatusCode::CREATED);
    assert_eq!(app.text("select login || port from ssh_access").await, "ada22");

    let fields = "hostname=other&ssh_address=lab-2&ssh_port=2222&ssh_login=ada";
    let post = |fields: &str| form("/api/vms", fields).by_browser().by_admin().with("host", "lab");
    let keyless = app.call(post(fields)).await;
    assert_eq!(keyless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(keyless.body.contains("ssh private key") && keyless.body.contains(r#"value="lab-2""#));
    let key = "&ssh_private_key=-----BEGIN+RSA+PRIVATE+KEY-----%0D%0AMIIB%0D%0A-----END+RSA+PRIVATE+KEY-----";
    let bad_port = app.call(post(&format!("{}{key}", fields.replace("2222", "0")))).await;
    assert!(bad_port.body.contains("from 1 to 65535") && !bad_port.body.contains("MIIB"));
    let made = app.call(post(&format!("{fields}{key}"))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let port = "select address || port from ssh_access where port <> 22";
    assert_eq!(app.text(port).await, "lab-22222");
}

#[tokio::test]
async fn a_machine_that_was_installed_anew_may_show_another_host_key() {
    let app = App::with_running(1).await;
    let forget = || form("/api/vms/lablink-vm-test-1/forget-host-key", "").by_admin();
    assert_eq!(app.call(forget()).await.status, StatusCode::NOT_FOUND, "none is known");
    app.sql("update vm set ssh_host_key = 'ssh-ed25519 bGFibGluaw=='").await;
    let page = || get("/admin/vms/lablink-vm-test-1").by_browser().by_admin();
    let shown = "ssh-ed25519 SHA256:qpxKLo8q2PhU2HY/l4e8x7Fkpmn8O1Z/SzTgaZQDN6o<";
    assert!(app.call(page()).await.body.contains(shown));
    let forgotten = app.call(forget().by_browser()).await;
    assert_eq!(forgotten.header("location"), "/admin/vms/lablink-vm-test-1");
    let page = app.call(page()).await.body;
    assert!(!page.contains(shown) && page.contains("host key of lablink-vm-test-1 was forgotten"));
}

#[tokio::test]
async fn the_script_says_where_we_are_and_the_program_comes_from_here() {
    let app = App::new(AgentAuth::Required).await;
    let script = app.call(get("/install").with("host", "lab.example:5000")).await.body;
    assert!(script.starts_with("LABLINK_ALLOCATOR='http://lab.example:5000'\n"), "{script}");
    assert!(script.contains(r#"LABLINK_SOFTWARE='it'\''s "sleap"'"#));
    for host in ["$(reboot)", "a b", "x'y", ""] {
        let answer = app.call(get("/install").with("host", host)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}");
    }
    let path = format!("/install/lablink-client?arch={}", std::env::consts::ARCH);
    let sent = app.send(get(&path)).await;
    let sent = axum::body::to_bytes(sent.into_body(), usize::MAX).await.unwrap();
    assert!(sent == std::fs::read("/bin/sh").unwrap(), "the very program");
    let other = app.call(get("/install/lablink-client?arch=riscv64")).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}
