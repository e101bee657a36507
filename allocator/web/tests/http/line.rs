use axum::http::StatusCode;
use serde_json::json;

use crate::app::{Answer, App, With, form, get, json as post_json};

fn person(name: &str) -> String {
    format!("email={name}%40example.org&crd_command=start-host+--code%3D4%2Fx")
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn join(app: &App, name: &str) -> String {
    let body = format!("email={name}%40example.org&crd_command=");
    let answer = app.call(form("/line", &body).by_browser()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.header("location").to_owned()
}

async fn release(app: &App, hostname: &str) {
    let path = format!("/api/vms/{hostname}/release");
    let answer = app.call(post_json(&path, &json!({"then": "reuse"})).by_admin()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn three_wait_and_the_first_gets_the_machine_that_is_freed() {
    let app = App::with_running(1).await;
    app.call(form("/api/request_vm", &person("holder"))).await;
    let none = app.call(form("/api/request_vm", &person("ada")).by_browser()).await;
    assert_eq!(none.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(none.body.contains(r#"formaction="/line""#) && none.body.contains("ada@example.org"));

    let places = [join(&app, "ada").await, join(&app, "bob").await, join(&app, "cy").await];
    assert!(app.call(get("/").by_browser()).await.body.contains("3 people wait"));
    let third = app.call(get(&places[2]).by_browser()).await.body;
    assert!(third.contains("<b>3rd</b> of 3<"));

    release(&app, "lablink-vm-test-1").await;
    assert_eq!(app.call(get("/api/unassigned_vms_count")).await.body, r#"{"count":0}"#);
    assert!(app.call(get(&places[1]).by_browser()).await.body.contains("next in line"));
    let first = app.call(get(&places[0]).by_browser()).await.body;
    assert!(first.contains("A machine is ready for you") && first.contains("lablink-vm-test-1"));

    let take = format!("{}/claim", places[0]);
    let bad = app.call(form(&take, "crd_command=nothing").by_browser()).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.body.contains("no --code"));
    let not_bobs_turn = format!("{}/claim", places[1]);
    let bob = app.call(form(&not_bobs_turn, "crd_command=--code%3D4%2Fy").by_browser()).await;
    assert_eq!(bob.header("location"), places[1], "not his turn");
    let taken = app.call(form(&take, "crd_command=--code%3D4%2Fy").by_browser()).await;
    let claim = taken.header("location").to_owned();
    assert_eq!(claim, places[0].replace("/line/", "/claims/"));
    assert!(app.call(get(&claim).by_browser()).await.body.contains("lablink-vm-test-1"));
    assert_eq!(app.call(get(&places[0]).by_browser()).await.header("location"), claim);
}

#[tokio::test]
async fn a_browser_that_comes_back_is_led_to_its_place_and_a_stranger_is_not() {
    let app = App::with_running(0).await;
    let body = "email=ada%40example.org";
    let first = app.call(form("/line", body).by_browser()).await;
    let (place, cookie) = (first.header("location").to_owned(), cookie(&first));
    let again = app.call(form("/line", body).by_browser().with("cookie", &cookie)).await;
    assert_eq!(again.header("location"), place);
    let start = app.call(get("/").by_browser().with("cookie", &cookie)).await;
    assert!(start.body.contains(&place));
    let stranger = app.call(form("/line", body).by_browser()).await;
    assert_eq!(stranger.status, StatusCode::CONFLICT);
    assert!(!stranger.body.contains(&place) && stranger.body.contains("place in line already"));

    app.call(form(&format!("{place}/leave"), "").by_browser()).await;
    assert!(app.call(get(&place).by_browser()).await.body.contains("You left the line"));
    for path in ["/line/guess", "/line/guess/events"] {
        assert_eq!(app.call(get(path)).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_form_that_is_sent_twice_leads_to_one_place_both_times() {
    let app = App::with_running(0).await;
    let start = app.call(get("/").by_browser()).await.body;
    let key = start.split(r#"name="form_key" value=""#).nth(1).unwrap().split('"').next().unwrap();
    // No cookie comes along: the answer that brought it was lost.
    let send = || form("/line", &format!("email=ada%40example.org&form_key={key}")).by_browser();
    let (first, again) = tokio::join!(app.call(send()), app.call(send()));
    assert!(first.header("location").starts_with("/line/"), "{}", first.body);
    assert_eq!(first.header("location"), again.header("location"));
    assert!(
        app.call(get(first.header("location")).by_browser()).await.body.contains("next in line")
    );
    let other_page = |key| format!("email=ada%40example.org&form_key={key}");
    let other = other_page("another-page-of-somebody");
    let refused = app.call(form("/line", &other).by_browser()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(!refused.body.contains("another-page-of-somebody"), "a fresh key");
    let guess = app.call(form("/line", &other_page("guess")).by_browser()).await;
    assert_eq!(guess.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_unknown_link_is_404_and_leads_nowhere() {
    let app = App::with_running(0).await;
    let place = join(&app, "ada").await;
    let strange = ["guess", "%0Aabc", "a%0D%0ALocation:%20https:%2F%2Fevil", "%2F%2Fevil.example"];
    let links = strange.map(|link| format!("/line/{link}")).into_iter();
    let claims = strange.map(|link| format!("/claims/{link}")).into_iter();
    // One's own with something behind it is another one.
    let calls = links
        .chain([format!("{place}%0A"), format!("{place}%20")])
        .flat_map(|link| ["leave", "claim"].map(|deed| format!("{link}/{deed}")));
    let calls = calls
        .chain(claims.flat_map(|link| ["command", "return"].map(|deed| format!("{link}/{deed}"))));
    for path in calls {
        for command in ["crd_command=--code%3D4%2Fx", "crd_command=nothing"] {
            let answer = app.call(form(&path, command).by_browser()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} {command}");
            assert_eq!(answer.header("location"), "", "{path}");
        }
    }
    assert!(!app.call(get(&place).by_browser()).await.body.contains("You left the line"));
}

#[tokio::test]
async fn the_line_asks_what_the_form_asks_but_no_command() {
    let app = App::with_running(0).await.admitting(&["example.org"], "open sesame");
    let wrong = app.call(form("/line", "email=ada%40example.org").by_browser()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("That is not the access code of this class."));
    let right = "email=ada%40example.org&access_code=open+sesame";
    let right = app.call(form("/line", right).by_browser()).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_participant_gives_the_machine_back_and_a_fresh_one_takes_its_place() {
    let app = App::with_running(1).await;
    let answer = app.call(form("/api/request_vm", &person("ada")).by_browser()).await;
    let link = answer.header("location").to_owned();
    let asked = app.call(get(&format!("{link}/return")).by_browser()).await;
    assert!(asked.body.contains("What you lose") && asked.body.contains("new one takes its place"));
    for _ in 0..2 {
        let done = app.call(form(&format!("{link}/return"), "").by_browser()).await;
        assert_eq!(done.header("location"), link, "also after a double click");
    }
    let page = app.call(get(&link).by_browser()).await;
    assert!(page.body.contains("You gave this machine back"));
    let operations = app.call(get("/api/operations").by_admin()).await.json();
    assert_eq!(operations["operations"][0]["kind"], "replace");
    assert_eq!(operations["operations"][0]["actor"], "participant");
    assert_eq!(operations["operations"].as_array().unwrap().len(), 2, "the launch and this");
}
