//! Who asks, by way of a proxy or not: the routes are called from 127.0.0.1 here.

use std::num::NonZero;

use axum::http::StatusCode;
use lablink_protocol::ProxyHeader;
use lablink_web::{FormLimits, Proxies};
use serde_json::json;
use tracing::instrument::WithSubscriber;

use crate::app::{App, With, form, get, json as post_json};

async fn behind_proxy(header: ProxyHeader) -> App {
    let trusted = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    App::with_running(1).await.behind(Proxies { trusted, header, hops: None })
}

async fn status(app: &App, name: &'static str, hops: &str) -> StatusCode {
    let empty = form("/api/request_vm", "");
    app.call(empty.with(name, hops)).await.status
}

#[tokio::test]
async fn what_a_caller_writes_does_not_evade_the_limits() {
    let app = behind_proxy(ProxyHeader::XForwardedFor)
        .await
        .limited(FormLimits::new(NonZero::new(2), None));
    let mut seen = Vec::new();
    for n in 0..4 {
        let hops = format!("9.9.9.{n}, 203.0.113.60:51000");
        seen.push(status(&app, "x-forwarded-for", &hops).await.as_u16());
    }
    assert_eq!(seen, [422, 422, 429, 429], "one caller, whatever it writes before the proxy's");
    let honest = status(&app, "x-forwarded-for", "203.0.113.20:51000").await;
    assert_eq!(honest, StatusCode::UNPROCESSABLE_ENTITY, "has limits of its own");
}

#[tokio::test]
async fn only_the_header_that_the_proxy_writes_counts() {
    let app =
        behind_proxy(ProxyHeader::Forwarded).await.limited(FormLimits::new(NonZero::new(1), None));
    let hops = "for=9.9.9.9, for=\"203.0.113.60:51000\";proto=https";
    assert_eq!(status(&app, "forwarded", hops).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(&app, "forwarded", hops).await, StatusCode::TOO_MANY_REQUESTS);
    let proxy = status(&app, "x-forwarded-for", "9.9.9.9").await;
    assert_eq!(proxy, StatusCode::UNPROCESSABLE_ENTITY, "counts as the proxy's own");
    let proxy = status(&app, "x-forwarded-for", "9.9.9.10").await;
    assert_eq!(proxy, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_host_and_scheme_are_believed_from_a_trusted_proxy_alone() {
    let claim = json!({"email": "ada@example.org", "crd_command": "--code=4/x"});
    let call = || {
        post_json("/api/request_vm", &claim)
            .with("host", "backend:5000")
            .with("x-forwarded-host", "lab.example.org")
            .with("x-forwarded-proto", "HTTPS, http")
    };
    let trusting = behind_proxy(ProxyHeader::XForwardedFor).await;
    let told = trusting.call(call()).await;
    let url = told.json()["claim_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://lab.example.org/claims/"), "{url}");
    assert!(told.header("set-cookie").contains("Secure"));
    let own =
        form("/line", "").with("host", "backend:5000").with("origin", "https://lab.example.org");
    let own = trusting.call(own.with("x-forwarded-host", "lab.example.org")).await;
    assert_ne!(own.status, StatusCode::FORBIDDEN, "the page's own form");

    let alone = App::with_running(1).await;
    let url = alone.call(call()).await.json()["claim_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://backend:5000/claims/"), "{url}");
    let script = trusting.call(get("/install").with("x-forwarded-host", "a';reboot;'")).await;
    assert_eq!(script.status, StatusCode::BAD_REQUEST, "becomes part of no script");
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_https_where_they_came_by_it() {
    const TOLD: &str = "strict-transport-security";
    let trusting = behind_proxy(ProxyHeader::XForwardedFor).await;
    let alone = App::with_running(0).await;
    for path in ["/", "/nowhere", "/admin"] {
        let by = |scheme| get(path).by_browser().with("x-forwarded-proto", scheme);
        assert_eq!(trusting.call(by("https")).await.header(TOLD), "max-age=2592000", "{path}");
        assert_eq!(trusting.call(by("http")).await.header(TOLD), "", "{path}");
        assert_eq!(trusting.call(get(path)).await.header(TOLD), "", "{path}");
        assert_eq!(alone.call(by("https")).await.header(TOLD), "", "{path}: anybody can say so");
    }
}

#[tokio::test]
async fn below_a_path_is_refused_in_plain_words() {
    let app = behind_proxy(ProxyHeader::XForwardedFor).await;
    let below = app.call(get("/").by_browser().with("x-forwarded-prefix", "/lab")).await;
    assert_eq!(below.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(
        below.body.contains("can’t be served below a path") || below.body.contains("below a path")
    );
    assert_eq!(app.call(get("/").with("x-forwarded-prefix", "/")).await.status, StatusCode::OK);
    let alone = App::with_running(0).await;
    assert_eq!(
        alone.call(get("/").with("x-forwarded-prefix", "/lab")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_default_port_is_the_same_site() {
    let app = App::with_running(1).await;
    let call = |host| form("/line", "").with("host", host).with("origin", "http://lab.example.org");
    let own = app.call(call("lab.example.org:80")).await;
    assert_eq!(own.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", own.body);
    assert_eq!(app.call(call("lab.example.org:8080")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_log_names_refused_requests() {
    let app = App::with_running(0).await;
    let (log, writer) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt().json().with_writer(std::sync::Mutex::new(writer));
    let call = get("/admin").with("x-request-id", "asked-1");
    app.call(call).with_subscriber(subscriber.finish()).await;
    let log = std::io::read_to_string(log).unwrap();
    let line = log.lines().find(|line| line.contains("refused")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["span"]["request_id"], "asked-1");
    assert_eq!(
        (&line["fields"]["route"], &line["fields"]["status"]),
        (&json!("/admin"), &json!(401))
    );
}
