//! What another site's page can make an organiser's browser do by having it read.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use lablink_web::access_table;

use crate::{
    app::{App, With, get},
    collections::{ONE, with_an_archive},
    collector::Gives,
};

const EVIL: &str = "https://evil.example/";
const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Paths that do something by being read.
const ACTING: [&str; 5] = [
    "/admin/doctor",
    "/api/doctor",
    "/api/scp-client",
    "/api/collections/{operation_id}/download",
    "/claims/{link}/channel/{target}",
];

/// What browsers send when another site's page loads this without its reader's doing.
fn behind_the_back(request: Request<Body>, way: &str) -> Request<Body> {
    let request = request.with("accept-language", "en").with("host", "lab");
    match way {
        "an image" => request
            .with("sec-fetch-site", "cross-site")
            .with("sec-fetch-mode", "no-cors")
            .with("sec-fetch-dest", "image"),
        "a frame" => request
            .with("sec-fetch-site", "cross-site")
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "iframe")
            .with("accept", HTML),
        "a neighbour's script" => request
            .with("sec-fetch-site", "same-site")
            .with("sec-fetch-mode", "cors")
            .with("origin", "https://other.lab"),
        "an old browser's image" => request.with("referer", EVIL).with("accept", "image/*"),
        "an old browser's script" => request.with("origin", "https://evil.example"),
        other => panic!("{other}"),
    }
}

const WAYS: [&str; 5] = [
    "an image",
    "a frame",
    "a neighbour's script",
    "an old browser's image",
    "an old browser's script",
];

/// What a browser sends when somebody follows a link on another site's page.
fn by_a_link(request: Request<Body>) -> [Request<Body>; 2] {
    let twin = Request::get(request.uri().clone()).body(Body::empty()).unwrap().by_admin();
    let today = request
        .with("sec-fetch-site", "cross-site")
        .with("sec-fetch-mode", "navigate")
        .with("sec-fetch-dest", "document");
    [today, twin.with("referer", EVIL)]
        .map(|it| it.with("accept", HTML).with("accept-language", "en").with("host", "lab"))
}

/// Whether it is refused for where it comes from.
async fn refused(app: &App, request: Request<Body>) -> bool {
    let response = app.send(request).await;
    if response.status() != StatusCode::FORBIDDEN {
        // It may be a stream without an end.
        return false;
    }
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap().contains("own pages")
}

fn concrete(path: &str, archive: i64) -> String {
    path.replace("{hostname}", ONE)
        .replace("{operation_id}", &archive.to_string())
        .replace("{id}", "1")
        .replace("{code}", "clock")
        .replace("{deed}", "release")
        .replace("{name}", "app.css")
        .replace("{link}", "nobodys")
}

#[tokio::test]
async fn other_sites_read_nothing_but_what_somebody_opens() {
    let (app, archive) = with_an_archive().await;
    for (_, path, _) in access_table().into_iter().filter(|(method, ..)| *method == Method::GET) {
        let ask = || get(&concrete(path, archive.into())).by_admin();
        for way in WAYS {
            assert!(refused(&app, behind_the_back(ask(), way)).await, "{path} by {way}");
        }
        for opened in by_a_link(ask()) {
            assert_eq!(refused(&app, opened).await, ACTING.contains(&path), "{path} by a link");
        }
        // Programs say nothing of where they come from.
        assert!(!refused(&app, ask()).await, "{path} to a program");
    }
}

#[tokio::test]
async fn what_acts_by_being_read_is_for_our_pages_and_programs() {
    let (app, id) = with_an_archive().await;
    let download = format!("/api/collections/{id}/download");
    for path in ["/api/scp-client", &download] {
        let browser = || get(path).by_admin().with("accept-language", "en").with("host", "lab");
        // A page elsewhere can keep a browser from saying where it comes from.
        assert!(refused(&app, browser()).await, "{path}");
        assert!(refused(&app, browser().with("accept", HTML)).await, "{path}");
        let page = "http://lab/admin/results";
        for own in [
            browser().with("sec-fetch-site", "same-origin"),
            browser().with("sec-fetch-site", "none").with("sec-fetch-mode", "navigate"),
            browser().with("referer", page).with("accept", HTML),
            browser().with("referer", page),
        ] {
            assert_eq!(app.call(own).await.status, StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test]
async fn refused_reads_leave_nothing_behind() {
    let (app, id) = with_an_archive().await;
    let events = async || app.text("select count(*)::text from event").await;
    let before = events().await;
    for path in ["/api/scp-client".to_owned(), format!("/api/collections/{id}/download")] {
        for way in WAYS {
            app.call(behind_the_back(get(&path).by_admin(), way)).await;
        }
        for opened in by_a_link(get(&path).by_admin()) {
            app.call(opened).await;
        }
    }
    assert!(app.collector.asked.lock().unwrap().is_empty(), "no VM was asked");
    assert_eq!(events().await, before);
}

#[tokio::test]
async fn so_many_archives_are_given_at_once_and_no_more() {
    let (app, id) = with_an_archive().await;
    *app.collector.gives.lock().unwrap() = Gives::Whole;
    for path in ["/api/scp-client".to_owned(), format!("/api/collections/{id}/download")] {
        let mut open = Vec::new();
        let refused = loop {
            let answer = app.send(get(&path).by_admin()).await;
            if answer.status() != StatusCode::OK {
                break answer;
            }
            open.push(answer);
            assert!(open.len() < 100, "{path} has no bound");
        };
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "30");
        assert!(open.len() >= 2, "{path}");
        open.pop();
        app.collector.asked.lock().unwrap().clear();
        // Its end is told beside the answer.
        let start = std::time::Instant::now();
        while app.send(get(&path).by_admin()).await.status() != StatusCode::OK {
            assert!(start.elapsed().as_secs() < 60, "{path}: its place is not free again");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
