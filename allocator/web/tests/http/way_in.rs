//! Somebody else has a claim: what its organiser does, and what each link then opens.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt;
use serde_json::json;

use crate::app::{Answer, App, With, form, get, json as post_json};

const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";
const VM: &str = "lablink-vm-test-1";

/// A stranger has claimed as Ada; answers the link and the cookie.
async fn a_stranger_has_it(app: &App) -> (String, String) {
    let claimed = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let cookie = claimed.header("set-cookie").split(';').next().unwrap().to_owned();
    (claimed.header("location").to_owned(), cookie)
}

/// From here on, its agent says that it can end a desktop and takes new tokens.
async fn agent(app: &App) -> String {
    let agent = app.agent(VM).await;
    let beat = json!({"hostname": VM, "locks_out": true, "token": "safe"});
    let beat = post_json("/api/agent/heartbeat", &beat).with("authorization", &agent);
    assert_eq!(app.call(beat).await.status, StatusCode::OK);
    agent
}

async fn organiser(app: &App, deed: &str) -> Answer {
    app.call(form(&format!("/admin/claims/1/{deed}"), "").by_admin().with("host", "lab")).await
}

fn path(url: &serde_json::Value) -> String {
    url.as_str().unwrap().strip_prefix("http://lab").unwrap().to_owned()
}

async fn page(app: &App, path: &str) -> String {
    app.call(get(path).by_browser()).await.body
}

#[tokio::test]
async fn what_a_stranger_had_opens_nothing_after_the_organisers_link() {
    let app = App::with_running(2).await;
    let (old, cookie) = a_stranger_has_it(&app).await;
    let mut stream = app.send(get(&format!("{old}/events"))).await.into_body().into_data_stream();
    let made = organiser(&app, "link").await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let new = path(&made.json()["claim_url"]);

    let gone = app.call(get(&old).by_browser()).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.body.contains("has made a new one") && !gone.body.contains(VM), "{}", gone.body);
    assert_eq!(app.call(get(&format!("{old}/events"))).await.json()["code"], "link_replaced");
    for (deed, body) in [("command", "crd_command=--code%3D4%2Fy"), ("return", "")] {
        let tried = app.call(form(&format!("{old}/{deed}"), body).by_browser()).await;
        assert_eq!(tried.status, StatusCode::NOT_FOUND, "{deed}");
    }
    for again in [ADA.to_owned(), ADA.replace("4%2Fx", "4%2Fy")] {
        let tried = form("/api/request_vm", &again).with("cookie", &cookie);
        assert_eq!(app.call(tried).await.json()["code"], "already_claimed");
        let waits = form("/line", &again).with("cookie", &cookie);
        assert_eq!(app.call(waits).await.json()["code"], "already_claimed");
    }
    assert!(!page_of(&app, &cookie).await.contains("You have a machine"));
    // What was open hears that, and no more.
    let heard = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    assert!(heard.unwrap().is_some());
    assert!(tokio::time::timeout(Duration::from_secs(5), stream.next()).await.unwrap().is_none());
    assert!(page(&app, &new).await.contains(VM));
}

async fn page_of(app: &App, cookie: &str) -> String {
    app.call(get("/").by_browser().with("cookie", cookie)).await.body
}

#[tokio::test]
async fn three_ways_stand_beside_each_other_and_each_says_what_it_ends() {
    let app = App::with_running(1).await;
    a_stranger_has_it(&app).await;
    let ways = async || app.call(get("/admin/claims/1").by_browser().by_admin()).await.body;
    let original = ways().await;
    assert!(original.contains("can’t close a desktop") && original.contains("end the claim"));
    let refused = organiser(&app, "lock-out").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "no_lock_out");
    agent(&app).await;
    let ours = ways().await;
    for deed in ["link", "lock-out", "fresh-machine"] {
        assert!(ours.contains(&format!("/admin/claims/1/{deed}")), "{deed}");
        let none = form(&format!("/admin/claims/99/{deed}"), "").by_admin();
        assert!(app.call(none).await.status.is_client_error(), "{deed}");
    }
    let participants = app.call(get("/admin/participants").by_browser().by_admin()).await.body;
    assert!(participants.contains("href=\"/admin/claims/1\""));
    let vm = app.call(get(&format!("/api/vms/{VM}")).by_admin()).await.json();
    assert_eq!(vm["claim"]["claim_id"], 1, "so that a program can name it");
}

#[tokio::test]
async fn a_lock_out_reaches_the_agent_and_its_end_the_page() {
    let app = App::with_running(1).await;
    let (old, _) = a_stranger_has_it(&app).await;
    let mut agent = agent(&app).await;
    let before = page(&app, &old).await;
    let new = path(&organiser(&app, "lock-out").await.json()["claim_url"]);
    assert_eq!(app.call(get(&old)).await.status, StatusCode::NOT_FOUND);

    agent = app.renewed(VM, &agent).await;
    let wait = async |agent: &str, locks_out: bool, seen: &serde_json::Value| {
        let body = json!({"hostname": VM, "seen": seen, "locks_out": locks_out});
        let wait = post_json("/vm_startup", &body).with("prefer", "wait=0");
        app.call(wait.with("authorization", agent)).await
    };
    let seen = json!({"claim_id": 1, "command_no": 1});
    let told = wait(&agent, true, &seen).await.json();
    assert_eq!(told, json!({"status": "lock_out", "claim_id": 1, "command_no": 2}));
    // One that does not know the word lets go of the claim, and is told nothing else.
    assert_eq!(wait(&agent, false, &seen).await.json(), json!({"status": "released"}));
    assert_eq!(wait(&agent, false, &json!({})).await.status, StatusCode::NO_CONTENT);
    let handled = json!({"claim_id": 1, "command_no": 2});
    assert_eq!(wait(&agent, true, &handled).await.status, StatusCode::NO_CONTENT);

    assert!(page(&app, &new).await.contains("being closed"));
    let command = || form(&format!("{new}/command"), "crd_command=--code%3D4%2Fhers");
    assert_eq!(app.call(command()).await.json()["code"], "locking_out");
    let result = json!({"hostname": VM, "claim_id": 1, "command_no": 2, "outcome": "locked_out"});
    let result = post_json("/api/agent/claim-result", &result).with("authorization", &agent);
    assert_eq!(app.call(result).await.status, StatusCode::OK);
    agent = app.renewed(VM, &agent).await;
    let ended = page(&app, &new).await;
    assert!(ended.contains("needs a new command") && ended.contains("crd_command"));
    let pin = |page: &str| page.split("class=\"pin\">").nth(1).unwrap()[..40].to_owned();
    assert_ne!(pin(&ended), pin(&before));
    let ways = app.call(get("/admin/claims/1").by_browser().by_admin()).await.body;
    assert!(ways.contains("The desktop has been closed"));
    assert_eq!(app.call(command().by_browser()).await.header("location"), new);
    let told = wait(&agent, true, &handled).await.json();
    assert_eq!((&told["status"], &told["command_no"]), (&json!("success"), &json!(3)));
    let history = app.call(get("/api/events").by_admin()).await.body;
    for kind in ["claim.link_issued", "claim.lock_out_asked", "claim.locked_out"] {
        assert!(history.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn a_fresh_machine_has_a_link_of_its_own() {
    let app = App::with_running(2).await;
    let (old, _) = a_stranger_has_it(&app).await;
    let made = organiser(&app, "fresh-machine").await;
    let place = path(&made.json()["place_url"]);
    assert!(page(&app, &old).await.contains("This machine was released"));
    assert!(page(&app, &place).await.contains("A machine is ready for you"));
    let stranger = form("/api/request_vm", ADA);
    assert_eq!(app.call(stranger).await.json()["code"], "already_in_line");
    let take = form(&format!("{place}/claim"), "crd_command=--code%3D4%2Fhers").by_browser();
    let claim = app.call(take).await.header("location").to_owned();
    assert!(page(&app, &claim).await.contains("lablink-vm-test-2"));
}

/// Every way for a claim to be over, and for a place, is quiet: what comes next is not theirs.
#[tokio::test]
async fn a_link_that_is_over_hears_nothing_of_the_next_holder() {
    let app = App::with_running(1).await;
    let (old, _) = a_stranger_has_it(&app).await;
    let mut stream = app.send(get(&format!("{old}/events"))).await.into_body().into_data_stream();
    let waits = app.call(form("/line", "email=bob%40example.org").by_browser()).await;
    let place = waits.header("location").to_owned();
    let release = form(&format!("/api/vms/{VM}/release"), "then=reuse").by_admin();
    assert_eq!(app.call(release).await.status, StatusCode::OK);
    let mut next = async || tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    assert!(next().await.unwrap().is_some(), "that it is over");
    assert!(next().await.unwrap().is_none(), "and nothing of Bob");

    let mut line = app.send(get(&format!("{place}/events"))).await.into_body().into_data_stream();
    let take = form(&format!("{place}/claim"), "crd_command=--code%3D4%2Fb").by_browser();
    app.call(take).await;
    let mut next = async || tokio::time::timeout(Duration::from_secs(5), line.next()).await;
    assert!(next().await.unwrap().is_some());
    assert!(next().await.unwrap().is_none(), "nothing of who waits now");
    for over in [format!("{old}/events"), format!("{place}/events")] {
        assert_eq!(app.call(get(&over)).await.status, StatusCode::NO_CONTENT, "{over}");
    }
    let page = page(&app, &old).await;
    assert!(!page.contains("bob@") && !page.contains("PIN"), "{page}");
}
