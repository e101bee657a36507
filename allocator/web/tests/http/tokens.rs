//! Who had a machine, and copied its agent's token, learns nothing of who has it next.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use lablink_web::AgentAuth;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::{Answer, App, With, form, get, json};

const VM: &str = "lablink-vm-test-1";
const LONG: Duration = Duration::from_secs(20);

fn wait(agent: &str, seen: &Value) -> Request<axum::body::Body> {
    let body = json!({ "hostname": VM, "seen": seen });
    json("/vm_startup", &body).with("authorization", agent).with("prefer", "wait=50")
}

async fn claim(app: &App, email: &str, code: &str) -> Answer {
    let body = format!("email={email}%40example.org&crd_command=--code%3D4%2F{code}");
    app.call(form("/api/request_vm", &body)).await
}

async fn give_back(app: &App) {
    let release = json(&format!("/api/vms/{VM}/release"), &json!({ "then": "reuse" }));
    assert_eq!(app.call(release.by_admin()).await.status, StatusCode::OK);
}

async fn page(app: &App) -> String {
    app.call(get(&format!("/admin/vms/{VM}")).by_admin().by_browser()).await.body
}

/// ada has the machine, and its agent's token.
async fn hers() -> (App, String, Value) {
    let app = App::with_running(1).await;
    let token = app.agent(VM).await;
    let granted = claim(&app, "ada", "ada").await;
    assert_eq!(granted.status, StatusCode::CREATED);
    let heard = app.call(wait(&token, &json!({}))).await.json();
    assert_eq!(heard["pin"], granted.json()["pin"]);
    let seen = json!({ "claim_id": heard["claim_id"], "command_no": heard["command_no"] });
    (app, token, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_copied_the_token_is_told_nothing_and_bars_the_machine() {
    let (app, copied, seen) = hers().await;
    // She waits with it already when she gives the machine back.
    let (ended, ()) = tokio::join!(timeout(LONG, app.call(wait(&copied, &seen))), async {
        while app.hub.waiters() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        give_back(&app).await;
    });
    assert_eq!(ended.unwrap().json(), json!({ "status": "released" }));
    let again = app.call(wait(&copied, &json!({}))).await;
    assert_eq!(
        (again.status, again.json()["code"].as_str()),
        (StatusCode::FORBIDDEN, Some("token_due"))
    );
    assert_eq!(claim(&app, "bea", "bea").await.status, StatusCode::SERVICE_UNAVAILABLE);

    let agents = app.renewed(VM, &copied).await;
    let bea = claim(&app, "bea", "bea").await;
    assert_eq!(bea.status, StatusCode::CREATED);
    for _ in 0..2 {
        let hers = app.call(wait(&copied, &json!({}))).await;
        assert_eq!(hers.status, StatusCode::UNAUTHORIZED);
        // Not in the whole text: the request's id is of letters, too.
        let told = hers.json();
        let said = format!("{} {} {}", told["error"], told["command"], told["pin"]);
        assert!(!said.contains("bea") && told["pin"].is_null(), "{told}");
    }
    let fetch = json("/api/agent/token", &json!({ "hostname": VM }));
    let fetched = app.call(fetch.with("authorization", &copied)).await;
    assert_eq!(fetched.status, StatusCode::UNAUTHORIZED);

    // It shouts, once for as long as nobody has looked.
    let events = app.call(get("/api/events").by_admin()).await.json();
    let raised: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["kind"] == "vm.barred")
        .collect();
    assert_eq!((raised.len(), &raised[0]["data"]["misuse"]), (1, &json!("wait")));
    let shown = page(&app).await;
    for words in ["Barred", "an old token", "ALARM", "/allow", "bea@example.org"] {
        assert!(shown.contains(words), "{words}");
    }
    let overview = app.call(get("/admin").by_admin().by_browser()).await.body;
    assert!(overview.contains("show=barred"));
    let metrics = app.call(get("/metrics")).await.body;
    assert!(metrics.contains("lablink_dead_tokens_total{misuse=\"wait\"}"), "{metrics}");
    let vm = app.call(get(&format!("/api/vms/{VM}")).by_admin()).await.json();
    assert!(vm["barred_since"].is_string());

    // Bea's claim goes on; the next does not begin before an organiser has looked.
    let heard = app.call(wait(&agents, &json!({}))).await.json();
    assert_eq!(heard["pin"], bea.json()["pin"]);
    give_back(&app).await;
    let agents = app.renewed(VM, &agents).await;
    assert_eq!(claim(&app, "cyd", "cyd").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let lifted = json(&format!("/api/vms/{VM}/allow"), &json!({})).by_admin();
    assert_eq!(app.call(lifted).await.status, StatusCode::OK);
    assert_eq!(claim(&app, "cyd", "cyd").await.status, StatusCode::CREATED);
    let heard = app.call(wait(&agents, &json!({}))).await.json();
    assert!(heard["command"].as_str().unwrap().contains("4/cyd"));
    let lifted = json(&format!("/api/vms/{VM}/allow"), &json!({})).by_admin();
    assert_eq!(app.call(lifted).await.json()["code"], "not_barred");
}

/// Somebody claimed as Ada, and copied the token; an organiser lets her in, and she gives a command.
/// The agent is asked for a new token, and whoever waits with the one from before hears nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_copied_the_token_is_told_nothing_of_a_claim_in_other_hands() {
    for deed in ["link", "lock-out"] {
        let (app, copied, seen) = hers().await;
        speaks_for_itself(&app, &copied).await;
        let wait = |agent: &str, seen: &Value| {
            let body = json!({ "hostname": VM, "seen": seen, "locks_out": true });
            let wait = json("/vm_startup", &body).with("authorization", agent);
            wait.with("prefer", "wait=50")
        };
        let (ended, adas) = tokio::join!(timeout(LONG, app.call(wait(&copied, &seen))), async {
            while app.hub.waiters() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let made = form(&format!("/admin/claims/1/{deed}"), "").by_admin();
            let made = app.call(made.with("host", "lab")).await;
            assert_eq!(made.status, StatusCode::OK, "{deed}: {}", made.body);
            made.json()["claim_url"].as_str().unwrap().replace("http://lab", "")
        });
        // Not that the claim is over: the desktop goes on until its agent hears otherwise.
        assert_eq!(ended.unwrap().status, StatusCode::NO_CONTENT, "{deed}");
        let again = app.call(wait(&copied, &json!({}))).await;
        assert_eq!(again.json()["code"], "token_due", "{deed}: {}", again.body);

        let mut seen_by_others = vec![copied.clone()];
        let mut agents = app.renewed(VM, &copied).await;
        if deed == "lock-out" {
            let told = app.call(wait(&agents, &seen)).await.json();
            assert_eq!(told, json!({ "status": "lock_out", "claim_id": 1, "command_no": 2 }));
            let result =
                json!({"hostname": VM, "claim_id": 1, "command_no": 2, "outcome": "locked_out"});
            let result = json("/api/agent/claim-result", &result).with("authorization", &agents);
            assert_eq!(app.call(result).await.status, StatusCode::OK);
            let refused = app.call(wait(&agents, &json!({}))).await;
            assert_eq!(refused.json()["code"], "token_due", "the stranger was still there");
            let newer = app.renewed(VM, &agents).await;
            seen_by_others.push(std::mem::replace(&mut agents, newer));
        }
        let command = form(&format!("{adas}/command"), "crd_command=--code%3D4%2Fadas");
        assert!(app.call(command.by_browser()).await.status.is_redirection());
        for token in &seen_by_others {
            let told = app.call(wait(token, &json!({}))).await;
            assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{deed}");
            assert!(!told.body.contains("4/adas") && !told.body.contains("pin"), "{}", told.body);
        }
        let heard = app.call(wait(&agents, &seen)).await.json();
        assert!(heard["command"].as_str().unwrap().contains("4/adas"), "{deed}: {heard}");

        // It bars the machine for who comes next; Ada's claim goes on.
        let shown = page(&app).await;
        for words in ["Barred", "give a fresh machine", "ada@example.org"] {
            assert!(shown.contains(words), "{deed}: {words}");
        }
        let other = json!({ "claim_id": 99, "command_no": 1 });
        let still = app.call(wait(&agents, &other)).await.json();
        assert_eq!(still["claim_id"], 1, "{deed}");
    }
}

/// Its agent says that it takes new tokens and ends desktops.
async fn speaks_for_itself(app: &App, agent: &str) {
    let beat = json!({ "hostname": VM, "locks_out": true, "token": "safe" });
    let beat = json("/api/agent/heartbeat", &beat).with("authorization", agent);
    assert_eq!(app.call(beat).await.status, StatusCode::OK);
}

/// Reports that are under way meanwhile are asked for again, and alarm nobody.
#[tokio::test]
async fn reports_of_an_agent_that_takes_a_new_token_within_a_claim_are_not_lost() {
    let (app, old, _) = hers().await;
    speaks_for_itself(&app, &old).await;
    let made = form("/admin/claims/1/link", "").by_admin();
    assert_eq!(app.call(made).await.status, StatusCode::OK);
    let reports = [
        ("/api/agent/heartbeat", json!({ "hostname": VM })),
        ("/api/update_inuse_status", json!({ "hostname": VM, "status": true })),
        (
            "/api/agent/claim-result",
            json!({ "hostname": VM, "claim_id": 1, "command_no": 1, "outcome": "connected" }),
        ),
    ];
    let tell = async |agent: &str, code: StatusCode| {
        for (path, body) in &reports {
            let told = app.call(json(path, body).with("authorization", agent)).await;
            assert_eq!(told.status, code, "{path}: {}", told.body);
        }
    };
    tell(&old, StatusCode::FORBIDDEN).await;
    let new = app.renewed(VM, &old).await;
    tell(&old, StatusCode::UNAUTHORIZED).await;
    tell(&new, StatusCode::OK).await;
    assert!(!page(&app).await.contains("Barred"));
    let vm = app.call(get(&format!("/api/vms/{VM}")).by_admin()).await.json();
    assert_eq!((&vm["claim"]["state"], &vm["in_use"]), (&json!("connected"), &json!(true)));
}

/// Whoever copied it takes the new one before the agent does: the agent's wait gives them away.
#[tokio::test]
async fn who_takes_the_new_token_of_a_claim_in_other_hands_is_given_away_by_the_agent() {
    let (app, copied, _) = hers().await;
    speaks_for_itself(&app, &copied).await;
    let made = form("/admin/claims/1/lock-out", "").by_admin();
    assert_eq!(app.call(made).await.status, StatusCode::OK);
    app.renewed(VM, &copied).await;
    let agents = app.call(wait(&copied, &json!({}))).await;
    assert_eq!(agents.status, StatusCode::UNAUTHORIZED);
    let shown = page(&app).await;
    assert!(shown.contains(">Barred<") && shown.contains("give a fresh machine"), "{shown}");
}

/// She is quicker than the agent: then it is the agent's token that is dead, and shouts.
#[tokio::test]
async fn who_takes_the_new_token_before_the_agent_gives_herself_away() {
    let (app, copied, _) = hers().await;
    give_back(&app).await;
    app.renewed(VM, &copied).await;
    let agents = app.call(wait(&copied, &json!({}))).await;
    assert_eq!(agents.status, StatusCode::UNAUTHORIZED);
    assert_eq!(claim(&app, "bea", "bea").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page(&app).await.contains("Barred"));
}

#[tokio::test]
async fn the_token_of_an_ended_claim_is_good_for_a_new_one_and_nothing_else() {
    let (app, old, _) = hers().await;
    let early = json("/api/agent/token", &json!({ "hostname": VM })).with("authorization", &old);
    let early = app.call(early).await;
    assert_eq!(
        (early.status, early.json()["code"].as_str()),
        (StatusCode::CONFLICT, Some("not_due"))
    );
    give_back(&app).await;
    for (path, body) in [
        ("/vm_startup", json!({ "hostname": VM })),
        ("/api/agent/heartbeat", json!({ "hostname": VM })),
        ("/api/vm-status", json!({ "hostname": VM, "status": "running" })),
        ("/api/update_inuse_status", json!({ "hostname": VM, "status": true })),
        ("/api/gpu_health", json!({ "hostname": VM, "gpu_status": "Healthy" })),
        ("/api/vm-logs", json!({ "log_group": "g", "log_stream": VM, "messages": ["x"] })),
        ("/api/agent/clean-result", json!({ "hostname": VM, "claim_id": 1, "outcome": "cleaned" })),
        ("/api/agent/claim-result", json!({ "hostname": VM, "claim_id": 1, "outcome": "failed" })),
        (&format!("/api/vm-metrics/{VM}"), json!({})),
    ] {
        let refused = app.call(json(path, &body).with("authorization", &old)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.body);
        assert_eq!(refused.json()["code"], "token_due", "{path}");
    }
    let reads = app.call(get(&format!("/api/vm-status/{VM}")).with("authorization", &old)).await;
    assert_eq!(reads.status, StatusCode::FORBIDDEN);
    let renewed = app.renewed(VM, &old).await;

    // A report that was under way is refused, and is nobody's misdeed.
    let late = json("/api/agent/heartbeat", &json!({ "hostname": VM }));
    assert_eq!(app.call(late.with("authorization", &old)).await.status, StatusCode::UNAUTHORIZED);
    assert!(!page(&app).await.contains("Barred"));
    let other = json("/api/agent/token", &json!({ "hostname": "lablink-vm-test-2" }));
    let other = app.call(other.with("authorization", &renewed)).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_older_agent_holds_its_machine_and_the_page_says_what_to_do() {
    let (app, _, _) = hers().await;
    let beat = json!({ "agent_version": "0.1.0", "cpu_percent": 3 });
    app.sql(&format!(
        "insert into vm_presence (vm_id, last_seen, vitals) select id, now(), '{beat}' from vm"
    ))
    .await;
    assert!(page(&app).await.contains("the machine is held after each claim"), "before it happens");
    give_back(&app).await;
    assert_eq!(claim(&app, "bea", "bea").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let shown = page(&app).await;
    for words in ["Waits for a new token", "too old to take a new token", "replace the machine"] {
        assert!(shown.contains(words), "{words}");
    }
    let list = app.call(get("/admin/instances?state=token_due").by_admin().by_browser()).await.body;
    assert!(list.contains(VM) && list.contains("Waits for a new token"));
}

#[tokio::test]
async fn the_page_says_where_the_protection_is_off() {
    let (app, agent, _) = hers().await;
    let says = async |token: Value| {
        let beat = json!({ "hostname": VM, "agent_version": "9", "token": token });
        let beat = json("/api/agent/heartbeat", &beat).with("authorization", &agent);
        assert_eq!(app.call(beat).await.status, StatusCode::OK);
        page(&app).await
    };
    let exposed =
        says(json!({ "exposed": "the desktop's account client can become root: by sudo" })).await;
    assert!(exposed.contains("protection against earlier participants is off"));
    assert!(exposed.contains("can become root: by sudo"));
    assert!(!says(json!("safe")).await.contains("Earlier participants may still have access"));

    let open = App::new(AgentAuth::Open).await;
    open.launch(1).await;
    open.sql("update vm set status = 'running'").await;
    assert!(page(&open).await.contains("as original clients don’t"));
}

#[tokio::test]
async fn in_open_mode_an_agent_that_shows_its_token_is_the_only_one_heard() {
    let app = App::new(AgentAuth::Open).await;
    app.launch(1).await;
    app.sql("update vm set status = 'running'").await;
    let agent = app.agent(VM).await;
    let report = || json("/api/vm-status", &json!({ "hostname": VM, "status": "running" }));
    // The program that starts the machine has a token, and an original client none.
    let boot = app.call(report().with("authorization", &agent)).await;
    assert_eq!(boot.status, StatusCode::OK);
    assert_eq!(app.call(report()).await.status, StatusCode::OK);
    let asks =
        || json("/vm_startup", &json!({ "hostname": VM, "seen": {} })).with("prefer", "wait=0");
    assert_eq!(app.call(asks()).await.status, StatusCode::NO_CONTENT);

    for attends in [
        asks().with("authorization", &agent),
        json("/api/agent/heartbeat", &json!({ "hostname": VM })).with("authorization", &agent),
    ] {
        app.sql("update agent_credential set agent_at = null").await;
        assert_eq!(app.call(report()).await.status, StatusCode::OK);
        assert!(app.call(attends).await.status.is_success());
        assert_eq!(app.call(report()).await.status, StatusCode::UNAUTHORIZED);
    }
    for (path, body) in [
        ("/vm_startup", json!({ "hostname": VM })),
        ("/api/agent/heartbeat", json!({ "hostname": VM })),
        ("/api/update_inuse_status", json!({ "hostname": VM, "status": true })),
        ("/api/gpu_health", json!({ "hostname": VM, "gpu_status": "Healthy" })),
        ("/api/vm-logs", json!({ "log_group": "g", "log_stream": VM, "messages": ["x"] })),
        ("/api/agent/clean-result", json!({ "hostname": VM, "claim_id": 1, "outcome": "cleaned" })),
        ("/api/agent/claim-result", json!({ "hostname": VM, "claim_id": 1, "outcome": "failed" })),
        (&format!("/api/vm-metrics/{VM}"), json!({})),
    ] {
        let refused = app.call(json(path, &body)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}: {}", refused.body);
    }
    assert_eq!(app.call(get(&format!("/api/vm-status/{VM}"))).await.status, StatusCode::OK);
    assert_eq!(app.call(report().with("authorization", &agent)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn in_open_mode_strangers_make_no_more_vms_than_the_limit_says() {
    let app = App::new(AgentAuth::Open).await;
    let report = |n: u32| {
        json("/api/vm-status", &json!({ "hostname": format!("desk-{n}"), "status": "running" }))
    };
    for n in 0..3 {
        assert_eq!(app.call(report(n)).await.status, StatusCode::OK);
    }
    let refused = app.call(report(3)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "too_many_unknown_vms");
    assert!(refused.json()["error"].as_str().unwrap().contains("limits.unknown_vms"));
    assert_eq!(app.call(report(1)).await.status, StatusCode::OK, "known by now");
}
