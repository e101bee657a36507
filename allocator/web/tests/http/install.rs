//! What a machine that is registered by hand runs, and how it knows that it is ours.

use axum::http::StatusCode;
use lablink_web::{AgentAuth, AgentProgram, Proxies};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::{App, With, form, get, json as post_json};

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

fn sum(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The install command of a new machine, asked for by this address.
async fn command(app: &App, host: &str) -> String {
    let told = post_json("/api/vms", &json!({})).by_admin().with("host", host);
    let told = app.call(told).await;
    assert_eq!(told.status, StatusCode::CREATED, "{}", told.body);
    told.json()["install_command"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_command_carries_the_sums_of_all_that_it_fetches() {
    let app = App::new(AgentAuth::Required).await;
    let script = app.call(get("/install").with("host", "lab:5000")).await.body;
    let line = command(&app, "lab:5000").await;
    assert!(line.contains(&format!("= {} ]", sum(script.as_bytes()))), "{line}");
    let program = sum(&std::fs::read("/bin/sh").unwrap());
    assert!(line.contains(&format!("lablink {program} \"$@\"")), "{line}");
    assert!(!line.contains('\n'), "one line, to be pasted: {line}");

    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    let sums = [&one, &other].map(|sum| sum.parse().unwrap()).into();
    let url = "https://dl.example.org/agent".to_owned();
    let app = app.installing(Some(AgentProgram::Elsewhere { url, sums }));
    let line = command(&app, "localhost").await;
    assert!(line.contains(&format!("lablink {one},{other} \"$@\"")), "{line}");
}

#[tokio::test]
async fn nothing_is_installed_over_plain_http_but_from_the_machine_itself() {
    let app = App::new(AgentAuth::Required).await;
    let app = app.installing(Some(AgentProgram::Here("/bin/sh".into())));
    let register = |host: &str| post_json("/api/vms", &json!({})).by_admin().with("host", host);
    for host in ["lab.example.org", "10.0.0.1:5000", "localhost.evil.org"] {
        for call in [register(host), get("/install").with("host", host)] {
            let refused = app.call(call).await;
            assert_eq!(refused.status, StatusCode::CONFLICT, "{host}: {}", refused.body);
            assert_eq!(refused.json()["code"], "https_required");
        }
    }
    assert_eq!(app.text("select count(*)::text from vm").await, "0");
    let page = form("/api/vms", "hostname=desk").by_browser().by_admin().with("host", "lab");
    let page = app.call(page).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.body.contains("install.allow_http") && page.body.contains(r#"value="desk""#));
    for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
        assert_eq!(app.call(register(host)).await.status, StatusCode::CREATED, "{host}");
    }
    let trusted = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    let app = app.behind(Proxies { trusted, ..Proxies::default() });
    assert_eq!(
        app.call(register("lab").with("x-forwarded-proto", "https")).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn without_a_program_nothing_is_promised() {
    for program in [None, Some(AgentProgram::Here("/nonexistent/agent".into()))] {
        let app = App::new(AgentAuth::Required).await.installing(program);
        let wish = post_json("/api/vms", &json!({})).by_admin().with("host", "localhost");
        let refused = app.call(wish).await;
        assert_eq!(refused.json()["code"], "no_agent_program", "{}", refused.body);
        assert_eq!(app.text("select count(*)::text from vm").await, "0");
    }
}
